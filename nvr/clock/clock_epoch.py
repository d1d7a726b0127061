"""By which clock did the station file what, over restarts of the recorder and of the machine?

A recorder that is restarted before a time service has set the clock must correct what its predecessor filed as well. Wall time
minus the time since boot stays the same while nobody sets the clock; so a small file of each recorder says when that began, and
from which entries of the database on its files and gaps are. Over a restart of the machine the file says how the names of before
were moved along with the clock: where that was a mistake, a clock that is right tells (`correction`). Times are µs.
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

SAME_US = SECOND  # a smaller difference is no setting of the clock
KEPT_EVERY_S = 300
PAUSE_US = REBOOT_US + KEPT_EVERY_S * SECOND  # what a restart of the machine takes at most, as far as the file knows
MOST = 8  # clocks of one boot, and boots, that are remembered
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(slots=True)
class Epoch:
    """A stretch of an even clock within one boot of the machine. What was filed since moves along when the clock is set."""

    boot: str
    offset_us: int  # wall time minus time since boot
    since_us: int  # wall time at which it began, by this clock
    first_row: int  # entries of footage from here on were made since
    first_gap: int  # and gaps
    seen_us: int = 0  # time since boot when this was kept last
    proved: bool = False  # the clock was believed by retention
    others: tuple[int, ...] = ()  # by how much its names would have to move for the other clocks that it had
    streams: tuple[str, ...] = ()  # that were recorded
    rows: dict[int, int] = field(
        default_factory=dict
    )  # how many entries older rows had, of the hours around its beginning
    past: tuple[Epoch, ...] = ()  # of before, of which it is not known yet whether their names are right

    def continues(self, later: Epoch) -> bool:
        return (
            self.boot == later.boot
            and abs(self.offset_us - later.offset_us) < SAME_US
            and self.since_us <= later.since_us
        )

    def filed(self, row: int, place: int) -> bool:
        """The entry at this place of a row was made since."""
        return row >= self.first_row or place >= self.rows.get(row, place + 1)

    @property
    def end_us(self) -> int:
        """Wall time by its clock, when it was seen last."""
        return self.offset_us + self.seen_us


def stepped(epoch: Epoch, by_us: int) -> Epoch:
    """The clock was set, and all names move along."""
    others = [o - by_us for o in (*epoch.others, 0) if abs(o - by_us) >= SAME_US]
    return replace(
        epoch,
        offset_us=epoch.offset_us + by_us,
        since_us=epoch.since_us + by_us,
        proved=False,
        others=tuple(others[-MOST:]),
    )


def following(before: Epoch, epoch: Epoch) -> Epoch:
    """`epoch`, which begins now and is not the one before."""
    others = (
        before.others
        if before.boot != epoch.boot and not before.proved and _is_restart(*_off(before, epoch, ()))
        else ()
    )
    return replace(epoch, others=others, past=(*before.past, replace(before, past=()))[-MOST:])


def correction(old: Epoch, later: Sequence[Epoch], said: int | None = None) -> int:
    """By how much the names of `old` must move. `later`: what came then; the clock of the newest is right.

    Of the same boot that is known. Over a restart of the machine its names are right where a restart explains the time between,
    those of another clock that it had where only they do so. A clock that had come further than the right one is never right.
    What others have `said` of its error (cameras: nvr.refiling.camera_witness) counts only where a restart, or another clock that it had,
    says so as well: they may all be wrong alike.
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
    """For how long the machine did not run from `old` to the boot of `new`, by the clocks of both; and its restarts."""
    ran = {e.boot: e.seen_us for e in between if e.boot not in (old.boot, new.boot)}
    return new.offset_us - old.end_us - sum(ran.values()), len(ran) + 1


def _is_restart(off_us: int, restarts: int) -> bool:
    return -STEP_US <= off_us <= restarts * PAUSE_US


def since_boot() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def present(wall_us: int, first_row: int, first_gap: int) -> Epoch:
    """Blocking. The epoch that would begin now."""
    up = since_boot()
    return Epoch(_BOOT_ID.read_text().strip(), wall_us - up, wall_us, first_row, first_gap, up)


def load(path: Path) -> Epoch | None:
    """Blocking. What the recorder before this one left; None where there is nothing that can be read."""
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
    """Blocking. Raises OSError."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(epoch)))
    os.replace(draft, path)
