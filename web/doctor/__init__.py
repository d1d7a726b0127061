"""Checks of the station itself: whether its machine, software and data allow it to work.

Each check returns facts with a state, a value and a remedy. `minwang doctor` prints them; `GET /api/station` returns
them to administrators.

The checks inspect what all packages below use (the database, the archive, search, the PDF renderer of the reports, the
console's certificate), so they stand above those packages. The web API and the command line both need them, so they
stand below `station`. That leaves `web`.

Entry points: `checks.CHECKS` is the list of checks; `runner.Doctor` runs them. Every check is timed; a check that fails
or hangs does not stop the others.
"""
