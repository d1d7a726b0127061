"""`minwang test`, `check` and `bench`: CI runs the same commands as a developer."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import NotFoundError, UsageError
from core.host.child_environment import child_environment

ROOT = Path(__file__).parents[2]
# Debian packages that the tests need: program to look for → packages.
NEEDED = {
    "ffmpeg": ["ffmpeg"],
    "chromium": ["chromium", "fonts-noto-cjk"],
    "pdftotext": ["poppler-utils"],
    "nginx": ["nginx-light"],
    "mosquitto": ["mosquitto"],
    "certutil": ["libnss3-tools"],
}
FRESH = {"debootstrap": "debootstrap", "slirp4netns": "slirp4netns", "ip": "iproute2"}  # what `minwang fresh` needs
RTSP_SERVER = ["python3-gi", "gir1.2-gst-rtsp-server-1.0", "gir1.2-gstreamer-1.0", "gir1.2-gst-plugins-base-1.0",
               "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good", "gstreamer1.0-plugins-bad"]  # fmt: skip


def test(arguments: Sequence[str]) -> int:
    """Install what the tests need, if allowed, then run pytest. Returns its exit status."""
    install_packages()
    os.sync()  # flush the gigabyte or two that set-up wrote: every test that writes would wait for it
    environment = child_environment()
    return subprocess.call([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=environment)


def fresh(arguments: Sequence[str]) -> int:
    """Run `tests/fresh` in a separate process. Returns its exit status."""
    missing = [p for program, p in FRESH.items() if shutil.which(program) is None]
    if missing and os.geteuid() == 0:
        install(missing)
    return subprocess.call([sys.executable, "-m", "tests.fresh", *arguments], cwd=ROOT, env=child_environment())


def mutants(arguments: Sequence[str]) -> int:
    """Run `tests/mutants` in a separate process. Returns its exit status."""
    command = [sys.executable, "-m", "tests.mutants", *arguments]
    return subprocess.call(command, cwd=ROOT, env=child_environment())


def virtual(arguments: Sequence[str]) -> int:
    """Run virtual cameras in the foreground. Does not return: this process becomes theirs."""
    os.execve(sys.executable, [sys.executable, "-m", "cameras.virtual", *arguments], child_environment())


def check() -> int:
    environment = child_environment()
    commands = (
        [sys.executable, "-m", "ruff", "check", "."],
        [sys.executable, "-m", "ruff", "format", "--check", "."],
        [sys.executable, "-m", "mypy"],
        [sys.executable, "-m", "mypy", "-p", "bench", "-p", "tests"],  # narrower: pyproject.toml
    )
    return max(subprocess.call(c, cwd=ROOT, env=environment) for c in commands)


def bench(name: str, quick: bool, arguments: Sequence[str]) -> int:
    if importlib.util.find_spec(f"bench.{name}") is None:
        there = ", ".join(sorted(p.stem for p in (ROOT / "bench").glob("[!_]*.py")))
        raise UsageError(f"there is no bench '{name}'; there are: {there}")
    command = [sys.executable, "-m", f"bench.{name}", *(["--quick"] if quick else []), *arguments]
    return subprocess.call(command, cwd=ROOT, env=child_environment())


PANGO = ["libpango-1.0-0", "libpangoft2-1.0-0"]


def _is_there(program: str) -> bool:
    return bool(shutil.which(program) or shutil.which(f"/usr/sbin/{program}"))  # not in an ordinary user's PATH


def missing_packages() -> list[str]:
    missing = [] if ctypes.util.find_library("pango-1.0") and ctypes.util.find_library("pangoft2-1.0") else list(PANGO)
    missing += [] if list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) else ["postgresql"]
    missing += [] if ctypes.util.find_library("atomic") else ["libatomic1"]  # Playwright's own Node is linked to it
    missing += [p for program, packages in NEEDED.items() if not _is_there(program) for p in packages]
    probe = "import gi; gi.require_version('GstRtspServer', '1.0')"
    python = "/usr/bin/python3"
    if (
        not Path(python).exists()
        or subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode != 0
    ):
        missing += RTSP_SERVER
    return missing


def install_packages() -> None:
    """Install the missing packages. Raises NotFoundError with the exact command if that is not allowed."""
    if missing := missing_packages():
        install(missing)


def install(missing: Sequence[str]) -> None:
    """Install packages. Raises NotFoundError with the exact command if that is not allowed, or if apt-get fails."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NotFoundError(f"the tests need packages of the system; run: sudo {' '.join(command)}")
    sys.stderr.write(f"minwang: installing {', '.join(missing)}\n")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "-qq", "update"], command):
        done = subprocess.run(
            step, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode != 0:
            raise NotFoundError(f"'{' '.join(step)}' failed: {done.stderr.strip()[-300:]}")
