"""Facts about the station itself: whether its machine, its software and its data allow it to do its work, each with a
state, a value and a remedy. `minwang doctor` prints them, `GET /api/station` gives them to administrators.

Why here: the checks look at what every package below uses (the database, the archive, search, reports' PDF, the console's
certificate), so they stand above all of those; and both the web API and the command line need them, so they stand below
`station`. That is `web`.

`checks.CHECKS` is the list; `runner.Doctor` runs it: every check is timed, and one that fails or hangs stops no other.
"""
