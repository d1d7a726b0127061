"""`/usr/local/bin/minwang`: runs the program as the station's own user with the station's settings."""

from __future__ import annotations

from station.install.layout import Layout

_TEXT = """\
#!/bin/sh
# Written by `minwang install`. What changes the system runs as root; everything else as the station's user, so that
# no file in the data folder becomes root's. Called with sudo, it may read the files that the caller names.
set -eu
release=$(readlink -f {current}) # the release of now, also when the link is switched meanwhile
export PYTHONPATH="$release" PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1
python=$release/.venv/bin/python
command=
for argument in "$@"; do
    case "$argument" in -*) ;; *) command=$argument; break ;; esac
done
case "$command" in
install | uninstall | upgrade)
    exec "$python" -m station.install "$@" ;;
esac
[ "$(id -u)" != 0 ] || [ -n "${{MINWANG_AS_ROOT:-}}" ] ||
    exec setpriv --reuid={user} --regid={user} --init-groups \
--inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search \\
        --no-new-privs env HOME={data} XDG_CACHE_HOME={data}/.cache sh -c 'umask 027; exec "$@"' minwang \
"$python" -m station --config {settings} "$@"
case " $* " in *" --help "* | *" -h "* | *" --version "* | " version ") exec "$python" -m station "$@" ;; esac
[ -r {settings} ] || {{ echo "minwang: {settings} cannot be read by you; run it with sudo" >&2; exit 1; }}
exec "$python" -m station --config {settings} "$@"
"""


def text(layout: Layout) -> str:
    return _TEXT.format(current=layout.current, user=layout.user or "root", settings=layout.settings, data=layout.data)
