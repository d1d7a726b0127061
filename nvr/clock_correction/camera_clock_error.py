"""Estimates how wrong the station's clock was in an earlier boot, from the cameras' clocks then and now.

The station does not measure how long a machine was off: if a clock was wrong from the start of the machine and nobody
set it before the next start, only other clocks can tell. Cameras keep their time meanwhile, and each file says how far
its camera's clock was from the station's (sender reports). What several cameras agree on moves names only if a restart
of the machine explains the rest of the time between the two boots, or if another clock of that boot says the same
(`clock_epoch.correction`): cameras of one make may all have lost their time, or follow a wrong source.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, SECOND
from core.ids import StreamId
from nvr.archive import segment_index
from nvr.archive.segment_index import SegmentFlag
from nvr.clock.clock_epoch import Epoch
from nvr.clock.plausibility import STEP_US
from nvr.tables import Footage

MIN_CAMERAS = 3
MAX_DISAGREEMENT_US = SECOND  # largest distance from their median
MAX_STREAMS = 200  # streams examined


async def error_of(session: AsyncSession, old: Epoch, new: Epoch, now_us: int) -> int | None:
    """Return by how much (µs) the names of `old` must move for the cameras to be right.

    Return None if too few cameras agree, or if nothing moves.
    """
    said = dict[str, int]()
    for stream in old.streams[:MAX_STREAMS]:
        camera = StreamId(stream).camera
        if camera in said:
            continue
        before = await _offset(session, stream, old, new, old.end_us)
        now = await _offset(session, stream, new, None, now_us)
        if before is not None and now is not None:
            said[camera] = before - now
    return agreed_error(list(said.values()))


def agreed_error(errors: Sequence[int]) -> int | None:
    """Return the error that more than half of the cameras, and at least MIN_CAMERAS, report within MAX_DISAGREEMENT_US.

    Return None if there is none, or if it is at most STEP_US.
    """
    if not errors:
        return None
    found = median_low(errors)
    alike = [e for e in errors if abs(e - found) <= MAX_DISAGREEMENT_US]
    enough = len(alike) >= MIN_CAMERAS and 2 * len(alike) > len(errors)
    return median_low(alike) if enough and abs(found) > STEP_US else None


async def _offset(session: AsyncSession, stream: str, epoch: Epoch, later: Epoch | None, until_us: int) -> int | None:
    """Return the camera's clock minus the station's, from the newest file of the epoch that has it."""
    hours = Footage.hour.between(max(epoch.since_us, until_us - 24 * HOUR_US) // HOUR_US, until_us // HOUR_US)
    rows = await session.scalars(select(Footage).where(Footage.stream == stream, hours).order_by(Footage.hour.desc()))
    for row in rows:
        entries = list(enumerate(segment_index.segments_of(row)))
        for at, segment in reversed(entries):
            ours = epoch.filed(row.id, at) and not (later is not None and later.filed(row.id, at))
            if ours and segment.clock_offset_us is not None and not segment.flags & SegmentFlag.BACKFILLED:
                return segment.clock_offset_us
    return None
