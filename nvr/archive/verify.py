"""`archive verify`: checks the index against the files and the files against the index.

It works stream by stream, so that memory does not grow with the archive. Every entry must have a file of the right size
and structure (it begins as a segment and ends with its index); every file must have an entry. With `hash`, every file
is read and its SHA-256 compared. With `repair`, errors are fixed: entries without a file are removed and leave a gap,
files without an entry are adopted or quarantined, truncated files are cut back, missing hashes are computed. A file
with a different hash is only reported. A file of a different size is reported and never repaired silently: its new
entry has the flag RECOVERED, so that nobody uses it as evidence.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from sqlalchemy import select

from core.clock import SystemClock
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.recovery import RecoveryReport, complete, finish_deletion, mounted, sha256_of
from nvr.archive.segment_index import Segment
from nvr.media import gop_index
from nvr.storage import volume_quarantine
from nvr.tables import Footage, Gap, OpenSegment, StreamUsage

QUARANTINE = volume_quarantine.FOLDER


@dataclass(slots=True)
class Findings:
    """What was found (and, with repair, repaired); lists hold paths."""

    rows: int = 0
    files: int = 0
    unhashed: int = 0
    being_written: int = 0
    left_open: list[str] = field(default_factory=list)
    missing_files: list[str] = field(default_factory=list)
    half_deleted: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    wrong_size: list[str] = field(default_factory=list)
    wrong_structure: list[str] = field(default_factory=list)
    wrong_hash: list[str] = field(default_factory=list)
    unknown_volume: list[str] = field(default_factory=list)
    repaired: bool = False

    @property
    def clean(self) -> bool:
        return not any(isinstance(v, list) and v for v in asdict(self).values())

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"clean": self.clean}


@dataclass(slots=True)
class _Stream:
    """Changes that the inspection of one stream requires."""

    gone: list[Segment] = field(default_factory=list)
    changed: list[Segment] = field(default_factory=list)
    new: list[Segment] = field(default_factory=list)


async def verify(
    database: Database, *, repair: bool = False, hash_files: bool = False, recording: bool = False
) -> Findings:
    """Compare index and files. `repair` only while nothing records; with `recording`, open files are skipped."""
    findings = Findings(repaired=repair)
    volumes = await mounted(database)  # files of an absent volume do not count as missing
    async with database.reading() as session:
        open_rows = (await session.scalars(select(OpenSegment))).all()
        streams = set(await session.scalars(select(StreamUsage.stream))) | {o.stream for o in open_rows}
        halves = (await session.execute(select(Footage.id).where(Footage.deleting))).scalars().all()
    on_disk = await asyncio.to_thread(lambda: {s for v in volumes.values() for s in streams_on(v)})
    await _finish_halves(database, volumes, list(halves), findings, repair)
    opened = {(o.stream, o.start_us) for o in open_rows}
    findings.being_written = len(opened) if recording else 0
    for stream in sorted(streams | on_disk):
        entries = await _entries(database, stream)
        here = {start for s, start in opened if s == stream}
        result = await asyncio.to_thread(
            _inspect, findings, stream, entries, volumes, here, repair, hash_files, recording
        )
        if repair:
            await _store(database, stream, result)
    return findings


async def _finish_halves(
    database: Database, volumes: dict[int, Path], numbers: list[int], findings: Findings, repair: bool
) -> None:
    for number in numbers:
        if repair:
            found = RecoveryReport()
            await finish_deletion(database, volumes, number, found)
            findings.half_deleted += found.removed
        else:
            findings.half_deleted.append(f"entry {number}")


async def _entries(database: Database, stream: str) -> list[Segment]:
    async with database.reading() as session:
        query = select(Footage.hour, Footage.volume, Footage.entries).where(Footage.stream == stream)
        rows = await session.execute(query)
        return [s for hour, volume, entries in rows for s in segment_index.unpack(stream, hour, volume, entries)]


def streams_on(volume: Path) -> Iterator[str]:
    """Yield the <camera>/<kind> folders of a volume."""
    for camera in _folders(volume):
        if camera.name != QUARANTINE:
            for kind in _folders(Path(camera.path)):
                yield f"{camera.name}/{kind.name}"


def _folders(path: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted((e for e in os.scandir(path) if e.is_dir(follow_symlinks=False)), key=lambda e: e.name)
    except OSError:
        return []


def _inspect(
    findings: Findings,
    stream: str,
    entries: list[Segment],
    volumes: dict[int, Path],
    opened: set[int],
    repair: bool,
    hash_files: bool,
    recording: bool,
) -> _Stream:
    """Do all file work of one stream. Blocking; runs in its own thread."""
    result = _Stream()
    files = {number: _listing(volume / stream) for number, volume in volumes.items()}
    findings.rows += len(entries)
    findings.files += sum(len(f) for f in files.values())
    for segment in entries:
        if segment.flags & segment_index.DELETING:
            continue
        if segment.volume not in volumes:
            findings.unknown_volume.append(f"{stream}/{segment_index.name_of(segment.start_us)}")
            continue
        path = segment_index.path_of(volumes, segment)
        size = files[segment.volume].pop(segment_index.name_of(segment.start_us), None)
        if size is None:
            findings.missing_files.append(str(path))
            result.gone.append(segment)
        else:
            _check(findings, result, segment, path, size, hash_files, repair)
    for number, names in files.items():
        for name in sorted(names):
            path = volumes[number] / stream / name
            start = segment_index.start_of(path)
            if start in opened and recording:
                continue
            (findings.left_open if start in opened else findings.adopted).append(str(path))
            if repair or start not in opened:
                _take_in(
                    findings, result, Segment(stream, number, start or 0, start or 0), path, volumes[number], repair
                )
    return result


def _listing(folder: Path) -> dict[str, int]:
    """Return <day>/<name> → size of every segment file below a stream's folder."""
    found: dict[str, int] = {}
    for day in _folders(folder):
        for entry in os.scandir(day.path):
            if entry.name.endswith(".mp4"):
                found[f"{day.name}/{entry.name}"] = entry.stat(follow_symlinks=False).st_size
    return found


def _check(
    findings: Findings, result: _Stream, segment: Segment, path: Path, size: int, hash_files: bool, repair: bool
) -> None:
    if size != segment.size:
        findings.wrong_size.append(str(path))
        _cut_back(result, segment, path, repair)
    elif segment.flags & segment_index.UNHASHED:  # the disk failed during writing, or hashing was skipped under load
        findings.unhashed += 1
        _cut_back(result, segment, path, repair)
    elif not gop_index.is_closed(path):
        findings.wrong_structure.append(str(path))
        _cut_back(result, segment, path, repair)
    elif hash_files and sha256_of(path) != segment.sha256:
        findings.wrong_hash.append(str(path))


def _cut_back(result: _Stream, segment: Segment, path: Path, repair: bool) -> None:
    if not repair:
        return
    mended = complete(segment, path)
    if mended is None:
        result.gone.append(segment)
    else:
        result.changed.append(
            replace(mended, end_us=segment.end_us, lost=segment.lost) if mended.frames == segment.frames else mended
        )


def _take_in(findings: Findings, result: _Stream, segment: Segment, path: Path, volume: Path, repair: bool) -> None:
    """Adopt a file without an entry if its name and content are those of a segment, otherwise quarantine it."""
    start = segment_index.start_of(path)
    readable = start is not None and next(iter(gop_index.read(path)), None) is not None
    if readable and repair and start is not None:
        wanted = volume / segment.stream / segment_index.name_of(start)
        if wanted != path:  # an older version used names in milliseconds
            path.rename(wanted)
        adopted = complete(replace(segment, start_us=start, end_us=start), wanted)
        if adopted is not None:
            result.new.append(adopted)
    elif not readable:
        known = str(path)
        for names in (findings.adopted, findings.left_open):
            if known in names:
                names.remove(known)
        findings.quarantined.append(known)
        if repair:
            volume_quarantine.move(volume, path, "it is no segment file", SystemClock().now())


async def _store(database: Database, stream: str, result: _Stream) -> None:
    changed = {s.start_us: s for s in result.changed}
    gone = {(s.volume, s.start_us) for s in result.gone}
    if changed or gone:
        hours = {s.hour for s in (*result.changed, *result.gone)}
        async with database.reading() as session:
            query = select(Footage.id).where(Footage.stream == stream, Footage.hour.in_(hours))
            numbers = (await session.scalars(query)).all()
        for number in numbers:
            async with database.session() as session:
                row = await segment_index.locked(session, number)
                if row is None:
                    continue
                entries = segment_index.unpack(row.stream, row.hour, row.volume, row.entries)
                kept = [changed.get(s.start_us, s) for s in entries if (s.volume, s.start_us) not in gone]
                await segment_index.rewrite(session, row, kept)
    async with database.session() as session:
        await segment_index.append(session, result.new)
        for s in result.gone:
            if s.end_us > s.start_us:
                lost = Gap(
                    stream=stream, start_us=s.start_us, end_us=s.end_us, cause="disk_error", detail="file missing"
                )
                session.add(lost)
