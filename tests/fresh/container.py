"""`minwang fresh --container`: builds the image from the committed files on a bare root, and runs the first steps of
docs/docker.md in it.

Buildah runs each step in the image's file system as its user, with chroot isolation: that needs neither a container
engine nor control groups. What an engine adds (namespaces, limits, the compose file) is not tested.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from core.errors import NotFoundError
from tests.fresh import releases
from tests.fresh.machine import CARRIED
from tests.fresh.visits import say

BASE, IMAGE = "localhost/minwang-base", "localhost/minwang"
UID = 1000
BUILD_SECONDS, HEALTHY_SECONDS = 1200, 120.0
PYTHON = "/opt/minwang/.venv/bin/python"
# One run for all steps: buildah cannot run one container twice at the same time.
WHILE_IT_RUNS = f"""
minwang serve >/data/serve.log 2>&1 &
station=$!
began=$(date +%s.%N)
for _ in $(seq {HEALTHY_SECONDS:.0f}); do
    kill -0 $station 2>/dev/null || break
    {PYTHON} /opt/minwang/docker/healthcheck.py && break
    sleep 1
done >/data/health.log 2>&1
{PYTHON} /opt/minwang/docker/healthcheck.py
echo "healthy $? $began $(date +%s.%N)"
echo "users $(minwang user list 2>&1 | tr '\\n' ' ')"
echo "doctor $(minwang doctor --json 2>/dev/null | tr '\\n' ' ')"
kill -TERM $station
wait $station
echo "stopped $?"
tail -c 400 /data/serve.log
"""


class Images:
    """Buildah with its own store below `work`."""

    def __init__(self, work: Path):
        if shutil.which("buildah") is None:
            raise NotFoundError("buildah is missing; install it: apt-get install buildah")
        self._options = ["--root", str(work / "store"), "--runroot", str(work / "run"), "--storage-driver", "vfs"]
        self._work = work

    def call(self, *arguments: str, seconds: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run buildah. Raises CalledProcessError if it fails and `check`."""
        command = ["buildah", *self._options, *arguments]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False
        )
        with (self._work / "container.log").open("a") as log:
            log.write(f"\n$ buildah {' '.join(arguments)}\n{done.stdout}")
        if check and done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, arguments, done.stdout)
        return done

    def from_root(self, root: Path) -> None:
        """Import the bare root as an image, with this machine's package-registry settings in its environment."""
        container = self.call("from", "scratch").stdout.split()[-1]
        self.call("add", "-q", container, str(root), "/", seconds=300)
        for name, value in os.environ.items():
            if CARRIED.fullmatch(name):
                self.call("config", "--env", f"{name}={value}", container)
        self.call("commit", "-q", container, BASE, seconds=300)
        self.call("rm", container)

    def build(self, checkout: Path) -> float:
        """Build the image of the Dockerfile; returns the seconds it took."""
        began = time.monotonic()
        options = ["--isolation", "chroot", "--format", "docker", "--build-arg", f"BASE={BASE}", "-t", IMAGE]
        self.call("bud", *options, "-f", str(checkout / "docker/Dockerfile"), str(checkout), seconds=BUILD_SECONDS)
        return time.monotonic() - began

    def size(self) -> int:
        """Return the size of the image's layers in bytes."""
        listed = json.loads(self.call("images", "--json").stdout)
        names = {name: entry["size"] for entry in listed for name in entry.get("names") or []}
        return _bytes(names[f"{IMAGE}:latest"])


class Container:
    """A container of the image; commands run as its user. Buildah keeps the image's volumes between runs."""

    def __init__(self, images: Images):
        self._images = images
        self.name = images.call("from", IMAGE).stdout.split()[-1]

    def run(self, *command: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        return self._images.call(
            "run", "--isolation", "chroot", self.name, "--", *command, seconds=seconds, check=False
        )


def _bytes(size: str | int) -> int:
    """Parse a size such as `2.09 GB`, as buildah prints it."""
    if isinstance(size, int):
        return size
    value, unit = size.split()
    return int(float(value) * {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}[unit.upper()])


def tried(checkout: Path, root: Path, work: Path) -> tuple[dict[str, float | str], list[str]]:
    """Return the figures, and what was not as promised."""
    images, figures, wrong = Images(work), dict[str, float | str](), list[str]()
    say("building the image from what is committed (some minutes)")
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(checkout), str(work / "checkout")], check=True)
    images.from_root(root)
    try:
        figures["build_s"] = round(images.build(work / "checkout"), 1)
    except subprocess.CalledProcessError as e:
        return figures, [f"the image does not build: {str(e.output).strip()[-400:]}"]
    figures["image_mb"] = round(images.size() / 1e6)
    container = Container(images)
    try:
        _first_steps(container, figures, wrong)
    finally:
        images.call("rm", container.name, check=False)
    return figures, wrong


def _first_steps(container: Container, figures: dict[str, float | str], wrong: list[str]) -> None:
    _is_refused(container, wrong)
    port = _free_port()
    container.run("sh", "-c", "umask 077; echo a-long-password-27 >/etc/minwang/password")
    step = container.run(
        *("minwang", "init", "--yes", "--name", "Trial", "--data", "/data", "--volume", "/video", "--port", str(port)),
        *("--admin", "chief", "--admin-password-file", "/etc/minwang/password"),
    )
    if step.returncode != 0:
        wrong.append(f"`minwang init`: status {step.returncode}: {step.stdout.strip()[-300:]}")
        return
    told = container.run("sh", "-c", WHILE_IT_RUNS, seconds=600).stdout
    answers = dict(line.split(" ", 1) for line in told.splitlines() if " " in line)
    status, *moments = answers.get("healthy", "1 0 0").split()
    figures["healthy_s"] = round(float(moments[1]) - float(moments[0]), 1)
    if status != "0":
        wrong.append(f"not healthy after {figures['healthy_s']} s: {told[-400:]}")
    if "chief" not in answers.get("users", ""):
        wrong.append(
            f"`minwang user list` does not know the administrator of `init`: {answers.get('users', told[-200:])}"
        )
    _judge_doctor(answers.get("doctor", ""), wrong)
    if answers.get("stopped") != "0":
        wrong.append(f"`serve` after SIGTERM: status {answers.get('stopped')}: {told[-400:]}")


def _is_refused(container: Container, wrong: list[str]) -> None:
    """Check the user of the program, what it may not write, and `serve` before `init`."""
    if (who := container.run("id", "-u").stdout.strip()) != str(UID):
        wrong.append(f"the program runs as user {who}, not as {UID}")
    if container.run("touch", "/opt/minwang/x").returncode == 0:
        wrong.append("the program's user can change the program")
    early = container.run("minwang", "serve")
    if early.returncode == 0 or " init'" not in early.stdout or "Traceback" in early.stdout:
        wrong.append(f"`minwang serve` before `init`: status {early.returncode}: {early.stdout.strip()[-300:]}")


def _judge_doctor(told: str, wrong: list[str]) -> None:
    try:
        facts = {f["check"]: f["state"] for f in json.loads(told)["facts"]}
    except (ValueError, KeyError, TypeError) as e:
        wrong.append(f"`minwang doctor --json` cannot be read ({e}): {told[-200:]}")
        return
    for check in ("ffmpeg", "printing"):  # printing includes a Chinese font
        if facts.get(check) != "ok":
            wrong.append(f"doctor in the image: {check} is {facts.get(check, 'not among the checks')}")


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def report(release: releases.Release, work: Path, checkout: Path, root: Path) -> int:
    """Print the figures as JSON; returns the exit status."""
    figures, wrong = tried(checkout, root, work)
    print(json.dumps({"container": release.title, **figures, "wrong": wrong}, ensure_ascii=False))  # noqa: T201
    for line in wrong:
        say(f"WRONG: {line}")
    return 1 if wrong else 0
