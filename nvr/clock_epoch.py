"""Since when the station's clock has run as it does, over restarts of the recorder: its earlier runs filed by the same clock.

A recorder that is restarted before a time service has set the clock must correct what its predecessor filed as well. Wall time
minus the time since boot stays the same while nobody sets the clock; so a small file of each recorder says when that began, and
from which entries of the database on its files and gaps are. Times are µs.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from core.clock import SECOND

SAME_US = SECOND  # a smaller difference is no setting of the clock
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(slots=True)
class Epoch:
    """A stretch of an even clock within one boot of the machine."""

    boot: str
    offset_us: int  # wall time minus time since boot
    since_us: int  # wall time at which it began, by this clock
    first_row: int  # entries of footage from here on were made since
    first_gap: int  # and gaps

    def continues(self, later: Epoch) -> bool:
        return self.boot == later.boot and abs(self.offset_us - later.offset_us) < SAME_US and self.since_us <= later.since_us


def present(wall_us: int, first_row: int, first_gap: int) -> Epoch:
    """Blocking. The epoch that would begin now."""
    boottime = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    return Epoch(_BOOT_ID.read_text().strip(), wall_us - boottime, wall_us, first_row, first_gap)


def load(path: Path) -> Epoch | None:
    """Blocking. What the recorder before this one left; None where there is nothing that can be read."""
    try:
        return Epoch(**{k: v for k, v in json.loads(path.read_text()).items() if isinstance(v, str) is (k == "boot")})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def save(path: Path, epoch: Epoch) -> None:
    """Blocking. Raises OSError."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(epoch)))
    os.replace(draft, path)
