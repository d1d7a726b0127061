"""Start-up recovery and `archive verify`: every file owned by exactly one row, every row by a file.

- an open row left by a crash: its file is cut back to the last whole fragment and closed;
- a row without its file: removed, the time becomes a gap;
- a row marked 'deleting': the deletion is finished;
- a file without a row: adopted where its name and content are ours, else put in quarantine.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from sqlalchemy import func, select

from core.clock import to_microseconds
from core.database import Database
from nvr import fmp4, gop_index
from nvr.fmp4 import TIMESCALE, Fragment
from nvr.tables import CLOSED, DELETING, OPEN, QUARANTINED, Gap, Segment

log = logging.getLogger(__name__)

QUARANTINE = "quarantine"


@dataclass(slots=True)
class Findings:
    """What was found (and, with repair, mended); lists hold paths."""

    rows: int = 0
    files: int = 0
    left_open: list[str] = field(default_factory=list)
    missing_files: list[str] = field(default_factory=list)
    half_deleted: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    wrong_size: list[str] = field(default_factory=list)
    repaired: bool = False

    @property
    def clean(self) -> bool:
        return not any((self.left_open, self.missing_files, self.half_deleted, self.adopted, self.quarantined, self.wrong_size))

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"clean": self.clean}


async def recover(
    database: Database, volumes: Iterable[Path], *, repair: bool = True, streams: set[str] | None = None
) -> Findings:
    """Compare rows and files in both directions; mend what is wrong where `repair` is set.

    Must run while nothing records the streams concerned (`streams`: None means all).
    """
    async with database.reading() as session:
        rows = (await session.scalars(select(Segment))).all()
    findings = Findings(repaired=repair)
    changes = await asyncio.to_thread(_inspect, findings, rows, list(volumes), repair, streams)
    if repair and not findings.clean:
        async with database.session() as session:
            for row in changes.gone:
                await session.delete(row)
            for row in changes.closed:
                await session.merge(row)
            session.add_all(changes.new)
    return findings


@dataclass(slots=True)
class _Changes:
    """What the database has to learn after the files were mended."""

    gone: list[Segment] = field(default_factory=list)
    closed: list[Segment] = field(default_factory=list)
    new: list[Segment | Gap] = field(default_factory=list)


def _inspect(
    findings: Findings, rows: Sequence[Segment], volumes: list[Path], repair: bool, streams: set[str] | None
) -> _Changes:
    """All file work, in a thread of its own."""
    changes = _Changes()
    for row in rows:
        if streams is None or row.stream in streams:
            findings.rows += 1
            _check_row(findings, changes, row, repair)
    known = {row.path for row in rows}
    for volume in volumes:
        for path in _files(volume):
            stream = stream_of(volume, path)
            if streams is None or stream in streams:
                findings.files += 1
                if str(path) not in known:
                    _take_in(findings, changes, volume, path, stream, repair)
    return changes


def _check_row(findings: Findings, changes: _Changes, row: Segment, repair: bool) -> None:
    path = Path(row.path)
    if row.state == DELETING:
        findings.half_deleted.append(row.path)
        if repair:
            path.unlink(missing_ok=True)
            changes.gone.append(row)
    elif not path.exists():
        findings.missing_files.append(row.path)
        changes.gone.append(row)
        if row.end_us > row.start_us:
            lost = Gap(stream=row.stream, start_us=row.start_us, end_us=row.end_us, cause="disk_error", detail="file missing")
            changes.new.append(lost)
    elif row.state == OPEN:
        findings.left_open.append(row.path)
        if repair:
            _close(changes, row, path)
    elif row.state == CLOSED and (row.size_bytes != path.stat().st_size or not row.gops):
        findings.wrong_size.append(row.path)
        if repair:
            _close(changes, row, path)


def _close(changes: _Changes, row: Segment, path: Path) -> None:
    """Cut the file back to its last whole fragment and complete its row."""
    fragments = list(fmp4.scan(path))
    if not fragments:
        path.unlink()
        changes.gone.append(row)
        return
    _cut(path, fragments)
    _fill(row, fragments)
    changes.closed.append(row)


def _cut(path: Path, fragments: list[Fragment]) -> None:
    end = fragments[-1].offset + fragments[-1].size
    if path.stat().st_size > end:
        os.truncate(path, end)


def _fill(row: Segment, fragments: list[Fragment]) -> None:
    last = fragments[-1]
    row.state = CLOSED
    row.media_us = (last.time + last.duration) * 1_000_000 // TIMESCALE
    row.end_us = row.start_us + row.media_us
    row.size_bytes = last.offset + last.size
    row.frames = sum(f.samples for f in fragments)
    row.gops = gop_index.pack(gop_index.from_fragments(fragments))


def _take_in(findings: Findings, changes: _Changes, volume: Path, path: Path, stream: str, repair: bool) -> None:
    start = start_of(path)
    fragments = list(fmp4.scan(path)) if start is not None else []
    if start is not None and fragments:
        findings.adopted.append(str(path))
        if repair:
            _cut(path, fragments)
            row = Segment(stream=stream, path=str(path), start_us=start, lost_packets=0)
            _fill(row, fragments)
            changes.new.append(row)
        return
    findings.quarantined.append(str(path))
    if repair:
        target = volume / QUARANTINE / path.relative_to(volume)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
        now = to_microseconds(datetime.fromtimestamp(target.stat().st_mtime, timezone.utc))
        size = target.stat().st_size
        changes.new.append(
            Segment(
                stream=stream,
                path=str(target),
                state=QUARANTINED,
                start_us=now,
                end_us=now,
                size_bytes=size,
                media_us=0,
                frames=0,
                lost_packets=0,
            )
        )
        log.warning("put %s in quarantine: nobody knows it", target)


def _files(volume: Path) -> Iterator[Path]:
    if not volume.is_dir():
        return
    for path in sorted(volume.rglob("*.mp4")):
        if path.relative_to(volume).parts[0] != QUARANTINE:
            yield path


def stream_of(volume: Path, path: Path) -> str:
    """<volume>/<camera>/<kind>/<day>/<time>.mp4 → '<camera>/<kind>'; '' where it does not fit."""
    parts = path.relative_to(volume).parts
    return "/".join(parts[:2]) if len(parts) == 4 else ""


def start_of(path: Path) -> int | None:
    """Start time in the file's name, µs UTC."""
    try:
        moment = datetime.strptime(f"{path.parent.name} {path.stem[:6]}", "%Y%m%d %H%M%S").replace(tzinfo=timezone.utc)
        return to_microseconds(moment) + int(path.stem[7:]) * 1000
    except ValueError:
        return None


async def last_covered(database: Database, streams: Iterable[str]) -> dict[str, tuple[int, bool]]:
    """For each stream with footage: (end of its newest segment or gap, whether a gap is open). Times µs UTC."""
    wanted = list(streams)
    result: dict[str, tuple[int, bool]] = {}
    async with database.reading() as session:
        for i in range(0, len(wanted), 500):
            part = wanted[i : i + 500]
            ends = await session.execute(
                select(Segment.stream, func.max(Segment.end_us))
                .where(Segment.stream.in_(part), Segment.state == CLOSED)
                .group_by(Segment.stream)
            )
            result |= {stream: (end, False) for stream, end in ends}
            gaps = await session.execute(select(Gap.stream, Gap.start_us).where(Gap.stream.in_(part), Gap.end_us.is_(None)))
            result |= {stream: (start, True) for stream, start in gaps}
    return result
