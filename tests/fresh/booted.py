"""A Debian root with systemd as process 1, in its own namespaces: mounts, processes, network without any route,
cgroups.

debootstrap creates the root folder; an overlay takes all writes, so that the root can be used again. It needs root and
the cgroup 2 hierarchy; if those are missing, `Machine.boot` raises with the reason.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import wait_until

MOUNTS = """
set -eu
base=$1 work=$2
mount --make-rprivate /
ip link set lo up
mount -t tmpfs -o size=6g work "$work"
mkdir "$work/upper" "$work/work" "$work/root"
root=$work/root
mount -t overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty; \
do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs cgroup "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mkdir -p "$root/srv/bundle"
mount --bind "$3" "$root/srv/bundle"
cd "$root"
pivot_root . mnt
umount -l /mnt
exec env -i container=minwang PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
/lib/systemd/systemd --log-target=journal --show-status=0
"""
NAMESPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup")


@dataclass(frozen=True, slots=True)
class Machine:
    pid: int  # process id of its systemd in this system's namespace

    def run(self, command: str, *, seconds: float = 300, check: bool = True, user: str = "") -> str:
        """Return the combined output of a shell command inside. Raises AssertionError if it fails and `check`."""
        inside = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        environment = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            ["nsenter", f"--target={self.pid}", *NAMESPACES, "--root", "--wdns=/", "--", *inside, "sh", "-c", command],
            capture_output=True, text=True, timeout=seconds, check=False, env=environment,
        )  # fmt: skip
        output = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"{command}: status {done.returncode}: {output[-3000:]}"
        return output

    def succeeds(self, command: str) -> bool:
        return self.run(f"({command}) >/dev/null 2>&1 && echo yes || echo no").strip() == "yes"

    def until(self, command: str, seconds: float) -> float:
        """Wait until a command succeeds; returns the seconds it took."""
        started = time.monotonic()
        wait_until(lambda: self.succeeds(command), seconds, lambda: f"{command}: {self.run(command, check=False)}")
        return time.monotonic() - started


@contextmanager
def boot(base: Path, work: Path, shared: Path) -> Iterator[Machine]:
    """Boot an overlay over `base`; `shared` is visible as /srv/bundle. `work` is an empty folder for the overlay."""
    group = _cgroup()
    namespaces = " ".join(NAMESPACES)
    # The machine ends with this process, however that ends.
    isolate = f"setpriv --pdeathsig KILL unshare {namespaces} --fork --kill-child"
    script = f'echo $$ > {group}/cgroup.procs; exec {isolate} sh -c "$1" sh "$2" "$3" "$4"'
    log = (work.parent / "boot.log").open("wb")
    process = subprocess.Popen(
        ["sh", "-c", script, "sh", MOUNTS, base, work, shared], stdout=log, stderr=log, stdin=subprocess.DEVNULL
    )
    try:
        machine = Machine(_child_of(process.pid))
        machine.until("systemctl is-system-running --wait | grep -E 'running|degraded'", 60)
        yield machine
    finally:
        process.kill()
        process.wait()
        log.close()
        _remove_cgroup(group)


def _cgroup() -> Path:
    for base in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")):
        if (base / "cgroup.procs").exists() and (base / "cgroup.controllers").exists():
            group = base / f"minwang-{os.getpid()}"
            group.mkdir()
            return group
    raise RuntimeError("systemd cannot be booted here: there is no cgroup 2 hierarchy")


def _remove_cgroup(group: Path) -> None:
    def is_removed() -> bool:
        try:
            for folder, _, _ in os.walk(group, topdown=False):
                os.rmdir(folder)
        except OSError:
            return False
        return True

    with contextlib.suppress(AssertionError):
        wait_until(is_removed, 10)


def _child_of(pid: int) -> int:
    """Return the process in the new namespaces; it appears shortly after unshare."""

    def find() -> int:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        is_systemd = children and "systemd" in Path(f"/proc/{children[0]}/comm").read_text()
        return int(children[0]) if is_systemd else 0

    return wait_until(find, 10, lambda: "systemd did not start in its namespaces")


def json_of(text: str) -> dict[str, object]:
    """Return the JSON object at the end of an output."""
    found: dict[str, object] = json.loads(text[text.index("{") :])
    return found
