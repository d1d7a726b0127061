"""By how much was the station's clock wrong in an earlier boot, by what the cameras' clocks said then and say now?

Nothing of the station measures how long a machine was off: where a clock was wrong from the start of the machine and nobody set it
before the next start, only others know. Cameras keep their time meanwhile, and each file says how far its camera's clock was from
the station's (sender reports). What several cameras say alike moves names only where a restart of the machine explains the rest of the
time between the two boots, or another clock that the boot had says the same (`clock_epoch.correction`): cameras of one make may all
have lost their time, or follow somebody.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, SECOND
from core.ids import StreamId
from nvr.archive import segment_index
from nvr.clock.clock_epoch import Epoch
from nvr.clock.plausibility import STEP_US
from nvr.tables import Footage

LEAST_CAMERAS = 3
ALIKE_US = SECOND  # so far may they be from their median
MAX_STREAMS = 200  # that are asked


async def error_of(session: AsyncSession, old: Epoch, new: Epoch, now_us: int) -> int | None:
    """By how much (µs) the names of `old` must move for the cameras to be right; None where too few say so, or nothing moves."""
    said = dict[str, int]()
    for stream in old.streams[:MAX_STREAMS]:
        camera = StreamId(stream).camera
        if camera in said:
            continue
        before = await _offset(session, stream, old, new, old.end_us)
        now = await _offset(session, stream, new, None, now_us)
        if before is not None and now is not None:
            said[camera] = before - now
    return agreed(list(said.values()))


def agreed(errors: Sequence[int]) -> int | None:
    """What more than half of the cameras, and LEAST_CAMERAS, say within ALIKE_US."""
    if not errors:
        return None
    found = median_low(errors)
    alike = [e for e in errors if abs(e - found) <= ALIKE_US]
    enough = len(alike) >= LEAST_CAMERAS and 2 * len(alike) > len(errors)
    return median_low(alike) if enough and abs(found) > STEP_US else None


async def _offset(session: AsyncSession, stream: str, epoch: Epoch, later: Epoch | None, until_us: int) -> int | None:
    """The camera's clock minus the station's, by the newest file of the epoch that says so."""
    hours = Footage.hour.between(max(epoch.since_us, until_us - 24 * HOUR_US) // HOUR_US, until_us // HOUR_US)
    rows = await session.scalars(select(Footage).where(Footage.stream == stream, hours).order_by(Footage.hour.desc()))
    for row in rows:
        entries = list(enumerate(segment_index.unpack(row.stream, row.hour, row.volume, row.entries)))
        for at, segment in reversed(entries):
            ours = epoch.filed(row.id, at) and not (later is not None and later.filed(row.id, at))
            if ours and segment.clock_offset_us is not None and not segment.flags & segment_index.BACKFILLED:
                return segment.clock_offset_us
    return None
