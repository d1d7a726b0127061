"""`minwang upgrade`: replaces the release in use by another one, and goes back.

    check → install beside → prepared → stop → copy the database → (lower it) → switch the link → migrate → start →
    check → done

Power may fail after any step. Two rules make that harmless: until the link is switched, nothing is changed that affects
the release in use; after it, the new release migrates by itself when the machine starts it. `state` stores the
progress; `minwang-upgrade.service` continues at the next boot, and so does the same command. A failure after `stop`
ends with the previous release and the previous database.

- `state`: the progress, one small file
- `managers`: starting and stopping the station, with systemd or as plain processes
- `program`: a release's own Python, run as the station's user
- `station.upgrade.inside`: what that Python runs (the only one of these modules that needs the program's packages)
- `sequence`: the steps and the way back
- `command`: options, checks, messages
"""
