"""`minwang fresh`: the commands that the documents print, typed on a bare Debian or Ubuntu system (CONTRIBUTING.md).

debootstrap makes a root of the release, a clone of this checkout goes in, and what a newcomer types is typed in it, in
namespaces of its own. No part of the suite: it needs root, a mirror and some minutes.

- `releases`: the releases, and a bare root of each from the mirror that this machine's apt uses
- `machine`: a root with mounts, processes and network of its own, and what it has downloaded
- `documents`: the fenced blocks that are marked as run
- `visits`: what newcomers do, and its figures
- `offline`, `booted`: `minwang fresh --offline`: a station without any network under a real systemd
"""
