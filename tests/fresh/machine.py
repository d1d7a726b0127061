"""A root with its own namespaces: mounts, processes, network.

They end with the process that holds them; nothing stays mounted.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import NotFoundError, StorageError
from tests.waiting import wait_until

TAP = "tap0"  # the only network interface of the namespace
# What a program may expect of a Debian system. `unshare --fork` makes this shell process 1 of its namespace.
MOUNTS = """
set -eu
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755,size=4m dev "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -m 1777 "$root/run/lock"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for name in null zero full random urandom tty; \
do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
ip link set lo up
echo ready
exec sleep infinity
"""
WITH_THIS_PROCESS = ("setpriv", "--pdeathsig", "KILL")  # ends with this process and leaves nothing running
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CARRIED = re.compile(
    r"(PIP_|UV_|npm_config_|NPM_CONFIG_).*|(https?|no|all)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ended. `output` is stdout and stderr combined, `seconds` wall time."""

    status: int
    output: str
    seconds: float


class Machine:
    """Use it as `with Machine(root) as machine: machine.run(…)`."""

    def __init__(self, root: Path, log: Path):
        self.root = root
        self._log = log
        self._holder: subprocess.Popen[str] | None = None
        self._network: subprocess.Popen[bytes] | None = None
        self._first = 0  # process 1 of the namespace, by its id in this system

    def __enter__(self) -> Machine:
        for program, package in (("unshare", "util-linux"), ("ip", "iproute2"), ("slirp4netns", "slirp4netns")):
            if shutil.which(program) is None:
                raise NotFoundError(f"{program} is missing; install it: apt-get install {package}")
        spaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
        self._holder = subprocess.Popen(
            [*WITH_THIS_PROCESS, "unshare", *spaces, "sh", "-c", MOUNTS, "sh", str(self.root)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            raise StorageError("namespaces cannot be made here (unshare); it needs root and a kernel that allows them")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text()
        self._first = int(children.split()[0])
        command = [
            *WITH_THIS_PROCESS,
            "slirp4netns",
            "--configure",
            "--mtu=65520",
            "--disable-host-loopback",
            str(self._first),
            TAP,
        ]
        with self._log.open("ab") as log:
            self._network = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self._wait_for_network()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._holder is not None and self._holder.stdout is not None
        if self._network is not None:
            self._network.terminate()
            self._network.wait()
        self._holder.kill()
        self._holder.wait()
        if self._first:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._first, signal.SIGKILL)  # ends everything that runs inside
        self._holder.stdout.close()

    def _wait_for_network(self) -> None:
        with contextlib.suppress(AssertionError):
            wait_until(lambda: "default" in self._inside("ip", "route"), 10)

    def _inside(self, *command: str) -> str:
        return subprocess.run(
            ["nsenter", "-t", str(self._first), "-n", *command], capture_output=True, text=True, check=False
        ).stdout

    def downloaded(self) -> int:
        """Return the bytes received so far, including packet headers."""
        for line in self._inside("cat", "/proc/net/dev").split("\n"):
            name, _, figures = line.partition(":")
            if name.strip() == TAP:
                return int(figures.split()[0])
        return 0

    def disk(self) -> int:
        """Return the bytes that the root uses on the disk, without apt's lists and caches, whose size varies."""
        left_out = [f"--exclude={self.root}/var/{part}" for part in ("lib/apt/lists", "cache/apt")]
        command = ["du", "-sx", "--block-size=1", *left_out, str(self.root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return int(done.stdout.split()[0])

    def run(
        self,
        command: str,
        *,
        user: str = "root",
        folder: str = "/",
        seconds: float = 600,
        answers: Sequence[str] = (),
        heard: Callable[[str, float], None] | None = None,
    ) -> Done:
        """Run a shell command. `answers`: input for the prompts of a terminal, in order.

        `heard` gets each line and its second.
        """
        home = "/root" if user == "root" else f"/home/{user}"
        environment = {k: v for k, v in os.environ.items() if CARRIED.fullmatch(k)}
        environment |= {"PATH": PATH, "HOME": home, "LANG": "C.UTF-8", "USER": user}
        typed = ["script", "-qefc", command, "/dev/null"] if answers else ["sh", "-c", command]
        inner = f"cd {shlex.quote(folder)} && exec {shlex.join(typed)}"
        become = [] if user == "root" else ["runuser", "-u", user, "--"]
        enter = ["nsenter", "-t", str(self._first), "-m", "-p", "-n", "-i", "-u", "--", "chroot", str(self.root)]
        full = [*enter, "env", "-i", *(f"{k}={v}" for k, v in environment.items()), *become, "sh", "-c", inner]
        return self._listen(full, seconds, list(answers), heard)

    def _listen(
        self, command: list[str], seconds: float, answers: list[str], heard: Callable[[str, float], None] | None
    ) -> Done:
        began = time.monotonic()
        stdin = subprocess.PIPE if answers else subprocess.DEVNULL
        output, line = "", ""
        with (
            subprocess.Popen(
                command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
            ) as process,
            self._log.open("ab") as log,
        ):
            assert process.stdout is not None
            log.write(f"\n$ {command[-1]}\n".encode())
            while True:
                left = began + seconds - time.monotonic()
                if left <= 0:
                    process.kill()
                    return Done(124, output + f"\n(no end after {seconds:.0f} s)", time.monotonic() - began)
                if not select.select([process.stdout], [], [], min(left, 1.0))[0]:
                    if process.poll() is not None:  # ended; its background processes still hold its output open
                        break
                    continue
                piece = os.read(process.stdout.fileno(), 65536)
                if not piece:
                    break
                log.write(piece)
                text = piece.decode(errors="replace")
                output += text
                *whole, line = (line + text).split("\n")
                for one in whole:
                    if heard is not None:
                        heard(one.rstrip("\r"), time.monotonic() - began)
                if answers and line.endswith(": "):
                    assert process.stdin is not None
                    process.stdin.write((answers.pop(0) + "\n").encode())
                    line = ""
            return Done(process.wait(), output, time.monotonic() - began)
