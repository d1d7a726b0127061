"""Determine which clock named which files, across restarts of the recorder and of the machine.

A recorder that restarts before a time service has set the clock must also correct what its predecessor filed. Wall time
minus the time since boot is constant while nobody sets the clock. Each recorder therefore keeps a small file that says
when that stretch (the epoch) began, and which database rows of its segments and gaps are newer. Across a reboot the
file says how earlier names were moved along with the clock; if that was a mistake, a correct clock reveals it
(`correction`). Times are µs.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core.clock import SECOND
from nvr.clock.plausibility import REBOOT_US, STEP_US

SAME_US = SECOND  # a smaller difference means that the clock was not set
KEPT_EVERY_S = 300  # interval at which the file is rewritten
PAUSE_US = REBOOT_US + KEPT_EVERY_S * SECOND  # longest reboot, plus the age of the file
MOST = 8  # remembered clocks of one boot, and remembered epochs
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(slots=True)
class Epoch:
    """A period of an even clock within one boot of the machine.

    What was filed in it moves along when the clock is set.
    """

    boot: str
    offset_us: int  # wall time minus time since boot
    since_us: int  # wall time at which it began, by this clock
    first_row: int  # rows of footage from this id on are newer than the beginning
    first_gap: int  # the same for gaps
    seen_us: int = 0  # time since boot when this was saved last
    proved: bool = False  # retention found the clock plausible
    others: tuple[int, ...] = ()  # by how much its names would have to move for each of its former clocks
    streams: tuple[str, ...] = ()  # streams recorded in it
    # Entries that older rows, of the hours around the beginning, had at the beginning.
    rows: dict[int, int] = field(default_factory=dict)
    past: tuple[Epoch, ...] = ()  # earlier epochs whose names are not proved yet

    def continues(self, later: Epoch) -> bool:
        return (
            self.boot == later.boot
            and abs(self.offset_us - later.offset_us) < SAME_US
            and self.since_us <= later.since_us
        )

    def filed(self, row: int, place: int) -> bool:
        """Return whether the entry at this place of a row was filed in this epoch."""
        return row >= self.first_row or place >= self.rows.get(row, place + 1)

    @property
    def end_us(self) -> int:
        """Wall time by its clock when it was saved last."""
        return self.offset_us + self.seen_us


def stepped(epoch: Epoch, by_us: int) -> Epoch:
    """Return the epoch after the clock was set; its names move along."""
    others = [o - by_us for o in (*epoch.others, 0) if abs(o - by_us) >= SAME_US]
    return replace(
        epoch,
        offset_us=epoch.offset_us + by_us,
        since_us=epoch.since_us + by_us,
        proved=False,
        others=tuple(others[-MOST:]),
    )


def following(before: Epoch, epoch: Epoch) -> Epoch:
    """Return `epoch`, which begins now and is not `before`, with `before` in its past."""
    others = (
        before.others
        if before.boot != epoch.boot and not before.proved and _is_restart(*_off(before, epoch, ()))
        else ()
    )
    return replace(epoch, others=others, past=(*before.past, replace(before, past=()))[-MOST:])


def correction(old: Epoch, later: Sequence[Epoch], said: int | None = None) -> int:
    """Return by how much the names of `old` must move.

    `later` are the following epochs; the clock of the newest is right.

    Within one boot the difference is known. Across a reboot its names are right if a reboot explains the time in
    between; otherwise the names of one of its former clocks are right if only they fit. A clock that was ahead of the
    right one is never right. `said` is the error according to other clocks (cameras: nvr.refiling.camera_witness); it
    counts only if a reboot, or one of its former clocks, confirms it, because the other clocks may all have the same
    error.
    """
    newest = later[-1]
    if old.boot == newest.boot:
        by = newest.offset_us - old.offset_us
        return by if abs(by) > STEP_US else 0  # less may be slewing, which the names have followed
    off, restarts = _off(old, newest, later[:-1])
    if _is_restart(off, restarts):
        return 0
    said = None if old.proved else said
    if not old.proved and (found := [o for o in old.others if _is_restart(off - o, restarts)]):
        return found[-1]
    if said is not None and _is_restart(off - said, restarts):
        return said
    if off >= -STEP_US:
        return 0
    possible = [o for o in old.others if off - o >= -STEP_US]
    named = [o for o in possible if said is not None and abs(o - said) <= STEP_US]
    return max(named or possible, default=0)


def _off(old: Epoch, new: Epoch, between: Sequence[Epoch]) -> tuple[int, int]:
    """Return (time that the machine did not run between `old` and the boot of `new`, by both clocks; reboots)."""
    ran = {e.boot: e.seen_us for e in between if e.boot not in (old.boot, new.boot)}
    return new.offset_us - old.end_us - sum(ran.values()), len(ran) + 1


def _is_restart(off_us: int, restarts: int) -> bool:
    return -STEP_US <= off_us <= restarts * PAUSE_US


def since_boot() -> int:
    """Return the time since boot in µs, including suspend."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def present(wall_us: int, first_row: int, first_gap: int) -> Epoch:
    """Return the epoch that would begin now. Blocking."""
    up = since_boot()
    return Epoch(_BOOT_ID.read_text().strip(), wall_us - up, wall_us, first_row, first_gap, up)


def load(path: Path) -> Epoch | None:
    """Return the epoch that the previous recorder saved; None where it is missing or unreadable. Blocking."""
    try:
        return _epoch(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None


def _epoch(said: dict[str, Any]) -> Epoch:
    return Epoch(
        boot=str(said["boot"]),
        offset_us=int(said["offset_us"]),
        since_us=int(said["since_us"]),
        first_row=int(said["first_row"]),
        first_gap=int(said["first_gap"]),
        seen_us=int(said.get("seen_us", 0)),
        proved=bool(said.get("proved")),
        others=tuple(int(o) for o in said.get("others", ())),
        streams=tuple(str(s) for s in said.get("streams", ())),
        rows={int(row): int(n) for row, n in said.get("rows", {}).items()},
        past=tuple(_epoch(e) for e in said.get("past", ())),
    )


def save(path: Path, epoch: Epoch) -> None:
    """Save the epoch by replacing the file. Blocking. Raises OSError."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(epoch)))
    os.replace(draft, path)
