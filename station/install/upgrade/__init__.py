"""`minwang upgrade`: another release in the place of the one in use, and the way back.

    check → install beside → prepared → stop → copy the database → (lower it) → switch the link → migrate → start → look → done

Each step may be the last before a power cut. Two rules make that harmless: until the link is switched nothing is
changed that the release in use would mind, and after it the new release migrates by itself when the machine starts
it. `state` says how far it came; `minwang-upgrade.service` goes on at the next boot, and the same command does.
A failure after `stop` ends in the release and the database from before.

- `state`: how far it came, one small file
- `managers`: starting and stopping the station: systemd, or plain processes
- `program`: a release's own Python, run as the station's user
- `station.upgrade.inside`: what that runs (the only module of these that needs the packages of the program)
- `sequence`: the steps and the way back
- `command`: options, checks, what is told
"""
