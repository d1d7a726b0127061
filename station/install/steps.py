"""Steps of an installation: each knows what it does and whether it is already done."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConflictError, StorageError
from core.files import sync_folder


@dataclass(frozen=True, slots=True)
class InstallStep:
    """`title` is an infinitive, for example "make the user minwang". `is_done` changes nothing."""

    title: str
    is_done: Callable[[], bool]
    do: Callable[[], object]


def say(text: str) -> None:
    sys.stderr.write(f"minwang: {text}\n")


def pending(steps: Sequence[InstallStep]) -> list[InstallStep]:
    return [s for s in steps if not s.is_done()]


def execute(steps: Sequence[InstallStep], *, dry_run: bool, yes: bool, then: str = "") -> int:
    """List the pending steps, ask for confirmation, run them; `then` is listed too, but left to the caller.

    Returns the number of steps done (with `dry_run`: of pending steps).
    """
    todo = pending(steps)
    titles = [*(s.title for s in todo), *([then] if then else [])]
    if not titles:
        say("everything is in place; nothing to do")
        return 0
    say("pending steps:")
    for title in titles:
        sys.stderr.write(f"  - {title}\n")
    if dry_run:
        return len(todo)
    if not yes and not confirmed():
        raise ConflictError("nothing was changed")
    for step in todo:
        _do(step)
    return len(todo)


def _do(step: InstallStep) -> None:
    say(step.title)
    step.do()
    if not step.is_done():
        raise StorageError(
            f"{step.title}: done, but not found afterwards; run this again with --dry-run to see what is missing"
        )


def confirmed(question: str = "Go on?") -> bool:
    """Return whether a person at the terminal confirms. Raises ConflictError without a terminal."""
    if not sys.stdin.isatty():
        raise ConflictError("no terminal to ask; give --yes, or --dry-run to see the steps")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def owner_ids(root: Path, user: str) -> tuple[int, int]:
    """Return (uid, gid) of a user of the system below `root`; (-1, -1), which changes no owner, if `user` is empty."""
    if not user:
        return -1, -1
    if root == Path("/"):
        entry = pwd.getpwnam(user)
        return entry.pw_uid, entry.pw_gid
    for line in (root / "etc/passwd").read_text(encoding="utf-8").splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == user:
            return int(uid), int(gid)
    raise KeyError(user)


@dataclass(frozen=True, slots=True)
class FileOwner:
    """The intended owner of a file or folder; names instead of ids, because the user may not exist yet."""

    root: Path
    user: str
    group: str

    def ids(self) -> tuple[int, int]:
        if os.geteuid() != 0:
            return -1, -1  # only root can give files away
        uid = owner_ids(self.root, self.user)[0] if self.user != "root" else 0
        gid = owner_ids(self.root, self.group)[1] if self.group != "root" else 0
        return uid, gid

    def matches(self, path: Path) -> bool:
        try:
            uid, gid = self.ids()
        except KeyError:
            return False
        found = path.stat()
        return uid == -1 or (found.st_uid, found.st_gid) == (uid, gid)

    def give(self, path: Path) -> None:
        os.chown(path, *self.ids())


def folder(path: Path, shown: Path, mode: int, owner: FileOwner) -> InstallStep:
    def is_done() -> bool:
        return path.is_dir() and path.stat().st_mode & 0o7777 == mode and owner.matches(path)

    def do() -> None:
        path.mkdir(parents=True, exist_ok=True)
        owner.give(path)
        path.chmod(mode)

    return InstallStep(
        f"make the folder {shown} (mode {mode:o}, {owner.user or 'own'}:{owner.group or 'own'})", is_done, do
    )


def text_file(path: Path, shown: Path, mode: int, owner: FileOwner, text: Callable[[], str]) -> InstallStep:
    """Return the step for a file with exactly this text; `text` is called late: it may depend on earlier steps."""

    def is_done() -> bool:
        if not path.is_file() or path.stat().st_mode & 0o7777 != mode or not owner.matches(path):
            return False
        return path.read_text(encoding="utf-8") == text()

    return InstallStep(f"write {shown}", is_done, lambda: write_text(path, text(), mode, owner))


def write_text(path: Path, text: str, mode: int, owner: FileOwner | None = None) -> None:
    """Write a file atomically, even across a power cut: a new file, flushed, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    if owner is not None:
        owner.give(temporary)
    temporary.chmod(mode)
    temporary.rename(path)
    sync_folder(path.parent)


def symlink(path: Path, target: Path) -> None:
    """Point `path` to `target` atomically: at every moment it is the old link or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.rename(path)
    sync_folder(path.parent)
