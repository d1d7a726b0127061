"""The steps of new users on a bare system, with figures and bars."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.fresh.documents import Block
from tests.fresh.machine import Done, Machine

VISITOR = "visitor"  # has no way to become root
# Promises of the README, on two cores with a package registry nearby.
FIRST_DEMO_S, DOWNLOAD_MB, DISK_MB, SECOND_START_S = 100.0, 520.0, 1500.0, 3.0
DEMO = "./minwang demo --seconds 180"


def say(text: str) -> None:
    sys.stderr.write(f"fresh: {text}\n")
    sys.stderr.flush()


@dataclass(slots=True)
class Figures:
    """Seconds are wall time; MB are 10⁶ bytes. None: not measured."""

    release: str
    user: str
    console_s: float | None = None  # from entering the command until the console's address is printed
    # Until everything promised has happened: three faults opened, an alert on the phones.
    first_demo_s: float | None = None
    command_s: float | None = None  # until the command has ended
    downloaded_mb: float | None = None
    disk_mb: float | None = None
    second_start_s: float | None = None
    suite: str | None = None
    suite_s: float | None = None
    suite_downloaded_mb: float | None = None
    wrong: list[str] = field(default_factory=list)
    # missed time limits: they depend on the machine as much as on the program
    slow: list[str] = field(default_factory=list)


def _wrong(figures: Figures, text: str) -> None:
    """Print an error at once, and again at the end."""
    say(f"WRONG: {text}")
    figures.wrong.append(text)


def clone(checkout: Path, root: Path, user: str) -> str:
    """Clone the committed files; returns the folder inside the root."""
    folder = "root/minwang" if user == "root" else f"home/{user}/minwang"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(checkout), str(root / folder)], check=True)
    return "/" + folder


def add_visitor(machine: Machine) -> None:
    machine.run(f"useradd -m -s /bin/sh {VISITOR}")


def give(folder: str, machine: Machine, user: str) -> None:
    if user != "root":
        machine.run(f"chown -R {user}: {shlex.quote(folder)}")


def first_demo(machine: Machine, folder: str, user: str, figures: Figures) -> None:
    """Run the first command of the README, and the second start."""
    before_bytes, before_disk = machine.downloaded(), machine.disk()
    told: dict[str, float] = {}
    awaited = ["fault opened", "fault opened", "fault opened", "on the patrol officers' phones", "cameras record"]

    def heard(line: str, second: float) -> None:
        if line.startswith("minwang:") or " s] " in line:
            say(f"  {second:5.1f} s  {line}")
        if "console: http" in line:
            told.setdefault("console", second)
        if word := next((w for w in awaited if w in line), ""):
            awaited.remove(word)
        if not awaited:
            told.setdefault("promised", second)
        if "starting 8 virtual cameras" in line:
            told.setdefault("start", second)

    done = machine.run(DEMO, user=user, folder=folder, heard=heard)
    figures.command_s = round(done.seconds, 1)
    figures.console_s = round(told["console"], 1) if "console" in told else None
    figures.first_demo_s = round(told["promised"], 1) if "promised" in told else None
    figures.downloaded_mb = round((machine.downloaded() - before_bytes) / 1e6, 1)
    figures.disk_mb = round((machine.disk() - before_disk) / 1e6, 1)
    if done.status != 0 or '"complete": true' not in done.output:
        _wrong(figures, f"`{DEMO}` as {user}: status {done.status}: {_end(done)}")
        return
    told.clear()
    machine.run("./minwang demo --seconds 10", user=user, folder=folder, heard=heard)
    figures.second_start_s = round(told["start"], 2) if "start" in told else None
    _judge(figures)


def _judge(figures: Figures) -> None:
    for what, value, bar, unit, into in (
        ("the first demo", figures.first_demo_s, FIRST_DEMO_S, "s", figures.slow),
        ("the second start", figures.second_start_s, SECOND_START_S, "s", figures.slow),
        ("downloaded", figures.downloaded_mb, DOWNLOAD_MB, "MB", figures.wrong),
        ("on the disk", figures.disk_mb, DISK_MB, "MB", figures.wrong),
    ):
        if value is None or value > bar:
            into.append(f"{what}: {value} {unit}, more than {bar:.0f}")


def refused_without_root(machine: Machine, folder: str, figures: Figures) -> None:
    """If a package is missing, a user without sudo is shown the exact command, which root then runs."""
    done = machine.run("./minwang version", user=VISITOR, folder=folder)
    command = done.output.strip().split("\n")[-1].partition("sudo ")[2]
    if done.status == 0:
        return  # the release includes all of it
    if done.status != 1 or not command.startswith("apt-get install"):
        _wrong(
            figures, f"`./minwang version` as {VISITOR} names no command that installs what is missing: {_end(done)}"
        )
        return
    say(f"  told, and done as root: {command}")
    machine.run(f"apt-get -qq update && DEBIAN_FRONTEND=noninteractive {command} -y --no-install-recommends")


def suite(machine: Machine, folder: str, user: str, figures: Figures) -> None:
    """Run `./minwang test` including the long tests; a user without sudo is told what to install first."""
    before = machine.downloaded()
    if user != "root":
        done = machine.run("./minwang test --collect-only", user=user, folder=folder, seconds=900)
        command = done.output.strip().split("\n")[-1].partition("sudo ")[2]
        machine.run(f"apt-get -qq update && DEBIAN_FRONTEND=noninteractive {command}", seconds=900)
    done = machine.run(
        "./minwang test -m 'not soak'", user=user, folder=folder, seconds=3000, heard=lambda line, _: say(f"  {line}")
    )
    lines = [line for line in done.output.strip().split("\n") if line]
    figures.suite, figures.suite_s = lines[-1] if lines else "", round(done.seconds, 1)
    figures.suite_downloaded_mb = round((machine.downloaded() - before) / 1e6, 1)
    if done.status != 0:
        _wrong(figures, f"`./minwang test` as {user}: status {done.status}: {_end(done)}")


def documents(machine: Machine, folder: str, marked: list[Block], figures: Figures) -> None:
    """Run every block that is marked as run, in order; each document starts from a checkout without a station."""
    seen: set[str] = set()
    file = ""
    for block in marked:
        script = block.script()
        if script in seen:
            continue  # the same block in the other README
        seen.add(script)
        if block.file != file:
            file = block.file
            keep = "-e .venv -e web/console/dist -e web/console/node_modules"
            machine.run(f"git clean -qxdff {keep} && git checkout -q .", folder=folder)
        _typed(machine, folder, block, script, figures)


def _typed(machine: Machine, folder: str, block: Block, script: str, figures: Figures) -> None:
    say(f"{block.file}:{block.line}: {'; '.join(block.commands())[:150]}")
    options = block.options
    if before := options.get("before"):
        made = machine.run(before, folder=folder)
        if made.status != 0:
            _wrong(figures, f"{block.file}:{block.line}: its preparation ends with status {made.status}: {_end(made)}")
            return
    answers = options["answers"].split("|") if "answers" in options else []
    done = machine.run(script, folder=folder, seconds=60 * float(options.get("minutes", 10)), answers=answers)
    if done.status != 0:
        _wrong(figures, f"{block.file}:{block.line}: status {done.status}: {_end(done)}")


def _end(done: Done) -> str:
    return done.output.strip()[-1500:]


def bare(kept: Path, release: str, to: Path) -> Path:
    """Copy the bare root for one visitor."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(kept / f"{release}-bare"), str(to)], check=True)
    return to


def summary(figures: list[Figures]) -> str:
    return json.dumps([asdict(f) for f in figures], ensure_ascii=False, indent=1)


def remove(root: Path) -> None:
    """Remove a root. Nothing may be mounted in it, or this would delete what is mounted there."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().split("\n") if line]
    assert not [m for m in mounted if m.startswith(str(root) + "/")], mounted
    shutil.rmtree(root)
