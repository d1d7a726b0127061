"""`minwang fresh`: runs the commands that the documents print on a bare Debian or Ubuntu system (CONTRIBUTING.md).

debootstrap creates a root of the release and a clone of this checkout is put into it; the commands of a new user then
run in it, in separate namespaces. Not a part of the test suite: it needs root, a mirror and some minutes.

- `releases`: the releases, and a bare root of each from the mirror that this machine's apt uses
- `machine`: a root with its own mounts, processes and network, and the amount downloaded
- `documents`: the fenced blocks that are marked as run
- `visits`: the steps of new users, and their figures
- `offline`, `booted`: `minwang fresh --offline`: a station without any network under a real systemd
"""
