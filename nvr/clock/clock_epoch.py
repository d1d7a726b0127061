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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NotRequired, TypedDict

from core.clock import SECOND
from nvr.clock.plausibility import REBOOT_US, STEP_US

MIN_CLOCK_CHANGE_US = SECOND  # a smaller difference means that the clock was not set
SAVE_INTERVAL_S = 300  # interval at which the file is rewritten
PAUSE_US = REBOOT_US + SAVE_INTERVAL_S * SECOND  # longest reboot, plus the age of the file
MAX_REMEMBERED = 8  # remembered clocks of one boot, and remembered epochs
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
    saved_uptime_us: int = 0  # time since boot when this was saved last
    is_proved: bool = False  # retention found the clock plausible
    former_clock_offsets: tuple[int, ...] = ()  # by how much its names would have to move for each of its former clocks
    streams: tuple[str, ...] = ()  # streams recorded in it
    # Entries that older rows, of the hours around the beginning, had at the beginning.
    rows: dict[int, int] = field(default_factory=dict)
    earlier: tuple[Epoch, ...] = ()  # earlier epochs whose names are not proved yet

    def continues(self, later: Epoch) -> bool:
        return (
            self.boot == later.boot
            and abs(self.offset_us - later.offset_us) < MIN_CLOCK_CHANGE_US
            and self.since_us <= later.since_us
        )

    def filed(self, row: int, place: int) -> bool:
        """Return whether the entry at this place of a row was filed in this epoch."""
        return row >= self.first_row or place >= self.rows.get(row, place + 1)

    @property
    def end_us(self) -> int:
        """Wall time by its clock when it was saved last."""
        return self.offset_us + self.saved_uptime_us


def stepped(epoch: Epoch, by_us: int) -> Epoch:
    """Return the epoch after the clock was set; its names move along."""
    offsets = [o - by_us for o in (*epoch.former_clock_offsets, 0) if abs(o - by_us) >= MIN_CLOCK_CHANGE_US]
    return replace(
        epoch,
        offset_us=epoch.offset_us + by_us,
        since_us=epoch.since_us + by_us,
        is_proved=False,
        former_clock_offsets=tuple(offsets[-MAX_REMEMBERED:]),
    )


def next_epoch(before: Epoch, epoch: Epoch) -> Epoch:
    """Return `epoch`, which begins now and does not continue `before`, with `before` among its earlier epochs."""
    offsets = (
        before.former_clock_offsets
        if before.boot != epoch.boot and not before.is_proved and _is_restart(*_off(before, epoch, ()))
        else ()
    )
    earlier = (*before.earlier, replace(before, earlier=()))[-MAX_REMEMBERED:]
    return replace(epoch, former_clock_offsets=offsets, earlier=earlier)


def correction(old: Epoch, later: Sequence[Epoch], camera_error_us: int | None = None) -> int:
    """Return by how much the names of `old` must move.

    `later` are the following epochs; the clock of the newest is right.

    Within one boot the difference is known. Across a reboot its names are right if a reboot explains the time in
    between; otherwise the names of one of its former clocks are right if only they fit. A clock that was ahead of the
    right one is never right. `camera_error_us` is the error according to the cameras' clocks
    (nvr.clock_correction.camera_clock_error); it counts only if a reboot, or one of its former clocks, confirms it,
    because the cameras' clocks may all have the same error.
    """
    newest = later[-1]
    if old.boot == newest.boot:
        by = newest.offset_us - old.offset_us
        return by if abs(by) > STEP_US else 0  # less may be slewing, which the names have followed
    off, restarts = _off(old, newest, later[:-1])
    if _is_restart(off, restarts):
        return 0
    camera_error_us = None if old.is_proved else camera_error_us
    if not old.is_proved and (found := [o for o in old.former_clock_offsets if _is_restart(off - o, restarts)]):
        return found[-1]
    if camera_error_us is not None and _is_restart(off - camera_error_us, restarts):
        return camera_error_us
    if off >= -STEP_US:
        return 0
    possible = [o for o in old.former_clock_offsets if off - o >= -STEP_US]
    named = [o for o in possible if camera_error_us is not None and abs(o - camera_error_us) <= STEP_US]
    return max(named or possible, default=0)


def _off(old: Epoch, new: Epoch, between: Sequence[Epoch]) -> tuple[int, int]:
    """Return (time that the machine did not run between `old` and the boot of `new`, by both clocks; reboots)."""
    ran = {e.boot: e.saved_uptime_us for e in between if e.boot not in (old.boot, new.boot)}
    return new.offset_us - old.end_us - sum(ran.values()), len(ran) + 1


def _is_restart(off_us: int, restarts: int) -> bool:
    return -STEP_US <= off_us <= restarts * PAUSE_US


def since_boot() -> int:
    """Return the time since boot in µs, including suspend."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def current_epoch(wall_us: int, first_row: int, first_gap: int) -> Epoch:
    """Return the epoch that would begin now. Blocking."""
    up = since_boot()
    return Epoch(_BOOT_ID.read_text().strip(), wall_us - up, wall_us, first_row, first_gap, up)


def load(path: Path) -> Epoch | None:
    """Return the epoch that the previous recorder saved; None where it is missing or unreadable. Blocking."""
    try:
        return _epoch(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None


class _StoredEpoch(TypedDict):
    """An epoch in the file; recorders of other releases read and write it."""

    boot: str
    offset_us: int
    since_us: int
    first_row: int
    first_gap: int
    seen_us: NotRequired[int]
    proved: NotRequired[bool]
    others: NotRequired[Sequence[int]]
    streams: NotRequired[Sequence[str]]
    rows: NotRequired[Mapping[str, int]]
    past: NotRequired[list[_StoredEpoch]]


def _epoch(stored: _StoredEpoch) -> Epoch:
    return Epoch(
        boot=str(stored["boot"]),
        offset_us=int(stored["offset_us"]),
        since_us=int(stored["since_us"]),
        first_row=int(stored["first_row"]),
        first_gap=int(stored["first_gap"]),
        saved_uptime_us=int(stored.get("seen_us", 0)),
        is_proved=bool(stored.get("proved")),
        former_clock_offsets=tuple(int(o) for o in stored.get("others", ())),
        streams=tuple(str(s) for s in stored.get("streams", ())),
        rows={int(row): int(n) for row, n in stored.get("rows", {}).items()},
        earlier=tuple(_epoch(e) for e in stored.get("past", ())),
    )


def _stored(epoch: Epoch) -> _StoredEpoch:
    """Return the epoch as the file stores it."""
    return {
        "boot": epoch.boot,
        "offset_us": epoch.offset_us,
        "since_us": epoch.since_us,
        "first_row": epoch.first_row,
        "first_gap": epoch.first_gap,
        "seen_us": epoch.saved_uptime_us,
        "proved": epoch.is_proved,
        "others": epoch.former_clock_offsets,
        "streams": epoch.streams,
        "rows": {str(row): entries for row, entries in epoch.rows.items()},
        "past": [_stored(e) for e in epoch.earlier],
    }


def save(path: Path, epoch: Epoch) -> None:
    """Save the epoch by replacing the file. Blocking. Raises OSError."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(_stored(epoch)))
    os.replace(draft, path)
