"""`archive verify`: checks the index against the files and the files against the index.

It works stream by stream, so that memory does not grow with the archive. Every entry must have a file of the right size
and structure (it begins as a segment and ends with its index); every file must have an entry. With `hash`, every file
is read and its SHA-256 compared. With `repair`, errors are fixed: entries without a file are removed and leave a gap,
files without an entry are adopted or quarantined, truncated files are cut back, missing hashes are computed. Time that
was recorded and is damaged becomes a gap. A file with a different hash is only reported. A file of a different size is
reported and never repaired silently: its new entry has the flag RECOVERED, so that nobody uses it as evidence. A file
or folder that its disk cannot read is reported and left unchanged, with its entries.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from sqlalchemy import select

from core.clock import SystemClock
from core.database import Database
from core.json_types import JsonInput
from nvr.archive import segment_index, volume_files
from nvr.archive.integrity import completion
from nvr.archive.integrity.completion import CompletedFile, complete_file, complete_known_file, hash_file, sha256_of
from nvr.archive.retention import file_removal
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.media.mp4 import gop_index
from nvr.storage import volume_quarantine
from nvr.storage.disk_remedies import remedy
from nvr.tables import Footage, OpenSegment, StreamUsage

log = logging.getLogger(__name__)


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
    unreadable: list[str] = field(default_factory=list)  # their disk cannot read them; left unchanged
    unknown_volume: list[str] = field(default_factory=list)
    repaired: bool = False

    @property
    def clean(self) -> bool:
        return not any(isinstance(v, list) and v for v in asdict(self).values())

    def as_dict(self) -> dict[str, JsonInput]:
        return asdict(self) | {"clean": self.clean}

    def add_unreadable(self, path: Path, error: OSError) -> None:
        self.unreadable.append(str(path))
        log.error("%s cannot be read (%s) and was left unchanged; %s", path, error.strerror or error, remedy(error))


async def verify(
    database: Database, *, repair: bool = False, hash_files: bool = False, recording: bool = False
) -> Findings:
    """Compare index and files. `repair` only while nothing records; with `recording`, open files are skipped."""
    findings = Findings(repaired=repair)
    volumes = await volume_files.mounted_volumes(database)  # files of an absent volume do not count as missing
    async with database.reading() as session:
        open_rows = (await session.scalars(select(OpenSegment))).all()
        streams = set(await session.scalars(select(StreamUsage.stream))) | {o.stream for o in open_rows}
        half_deleted = (await session.scalars(select(Footage.id).where(Footage.deleting))).all()
    on_disk = await asyncio.to_thread(_streams_on, volumes, findings)
    await _finish_deletions(database, volumes, half_deleted, findings, repair)
    opened = {(o.stream, o.start_us) for o in open_rows}
    findings.being_written = len(opened) if recording else 0
    for stream in sorted(streams | on_disk):
        entries = await _entries(database, stream)
        check = _StreamCheck(
            stream,
            volumes,
            {start for s, start in opened if s == stream},
            findings,
            repair=repair,
            hash_files=hash_files,
            recording=recording,
        )
        await asyncio.to_thread(check.run, entries)
        if repair:
            await check.store(database)
    return findings


def _streams_on(volumes: dict[int, Path], findings: Findings) -> set[str]:
    return {s for v in volumes.values() for s in volume_files.streams_on(v, findings.add_unreadable)}


async def _finish_deletions(
    database: Database, volumes: dict[int, Path], numbers: Sequence[int], findings: Findings, repair: bool
) -> None:
    for number in numbers:
        if not repair:
            findings.half_deleted.append(f"entry {number}")
            continue
        try:
            done = await file_removal.finish_deletion(database, volumes, number)
        except OSError as e:
            findings.half_deleted.append(f"entry {number}")
            log.error("an interrupted deletion could not be finished: %s; retention retries it", e)
            continue
        findings.half_deleted += map(str, done.paths)


async def _entries(database: Database, stream: str) -> list[Segment]:
    async with database.reading() as session:
        query = select(Footage.hour, Footage.volume, Footage.entries).where(Footage.stream == stream)
        rows = await session.execute(query)
        return [s for hour, volume, entries in rows for s in segment_index.unpack(stream, hour, volume, entries)]


@dataclass(slots=True)
class _StreamCheck:
    """The check of one stream. `run` does all file work and notes what must change; `store` changes the index."""

    stream: str
    volumes: dict[int, Path]
    opened: set[int]  # starts of the segments that are, or were, being written
    findings: Findings
    repair: bool
    hash_files: bool
    recording: bool
    _removed: list[Segment] = field(default_factory=list)
    _changed: list[Segment] = field(default_factory=list)
    _adopted: list[CompletedFile] = field(default_factory=list)
    _damaged: list[tuple[int, int]] = field(default_factory=list)  # of the changed files, µs UTC
    _unlisted: set[Path] = field(default_factory=set)  # folders that their disk cannot list

    def run(self, entries: Sequence[Segment]) -> None:
        """Blocking; runs in its own thread."""
        findings = self.findings
        files = {number: self._list(volume / self.stream) for number, volume in self.volumes.items()}
        findings.rows += len(entries)
        findings.files += sum(len(f) for f in files.values())
        for segment in entries:
            if segment.flags & SegmentFlag.DELETING:
                continue
            if segment.volume not in self.volumes:
                findings.unknown_volume.append(f"{self.stream}/{segment_index.name_of(segment.start_us)}")
                continue
            self._check_entry(segment, files[segment.volume])
        for number, names in files.items():
            for name in sorted(names):
                self._check_unknown(number, self.volumes[number] / self.stream / name)

    def _list(self, folder: Path) -> dict[str, int | None]:
        """Return <day>/<name> → size of every segment file below a stream's folder; None: it cannot be read."""
        found: dict[str, int | None] = {}
        for day in volume_files.folders_in(folder, self._note_unlisted):
            for entry in volume_files.entries_in(day, self._note_unlisted):
                if entry.name.endswith(".mp4"):
                    try:
                        found[f"{day.name}/{entry.name}"] = entry.stat(follow_symlinks=False).st_size
                    except FileNotFoundError:  # retention removed it meanwhile
                        continue
                    except OSError as e:
                        self.findings.add_unreadable(Path(entry.path), e)
                        found[f"{day.name}/{entry.name}"] = None
        return found

    def _note_unlisted(self, folder: Path, error: OSError) -> None:
        self._unlisted.add(folder)
        self.findings.add_unreadable(folder, error)

    def _check_entry(self, segment: Segment, files: dict[str, int | None]) -> None:
        path = segment_index.path_of(self.volumes, segment)
        name = segment_index.name_of(segment.start_us)
        if name not in files:
            if path.parent not in self._unlisted and path.parent.parent not in self._unlisted:
                self.findings.missing_files.append(str(path))
                self._removed.append(segment)
            return
        size = files.pop(name)
        if size is None:
            return
        try:
            self._check_file(segment, path, size)
        except FileNotFoundError:  # retention removed it meanwhile
            return
        except OSError as e:
            self.findings.add_unreadable(path, e)

    def _check_file(self, segment: Segment, path: Path, size: int) -> None:
        """Raises OSError."""
        if size != segment.size:
            self.findings.wrong_size.append(str(path))
            self._complete(segment, path)
        elif segment.flags & SegmentFlag.UNHASHED:  # the disk failed during writing, or hashing was skipped under load
            self.findings.unhashed += 1
            if self.repair:
                self._replace(segment, path, hash_file(segment, path))
        elif not gop_index.is_closed(path):
            self.findings.wrong_structure.append(str(path))
            self._complete(segment, path)
        elif self.hash_files and sha256_of(path) != segment.sha256:
            self.findings.wrong_hash.append(str(path))

    def _complete(self, segment: Segment, path: Path) -> None:
        if self.repair:
            self._replace(segment, path, complete_known_file(segment, path))

    def _replace(self, segment: Segment, path: Path, done: CompletedFile) -> None:
        if done.quarantined is not None:
            self.findings.quarantined.append(str(path))
        if done.segment is None:
            self._removed.append(segment)
        else:
            self._changed.append(done.segment)
            self._damaged += done.damaged_ranges

    def _check_unknown(self, number: int, path: Path) -> None:
        """Check a file without an entry."""
        start = segment_index.start_of(path)
        if start in self.opened and self.recording:
            return
        names = self.findings.left_open if start in self.opened else self.findings.adopted
        names.append(str(path))
        if not self.repair and start in self.opened:
            return
        try:
            is_ours = self._adopt_or_quarantine(Segment(self.stream, number, start or 0, start or 0), path)
        except OSError as e:
            is_ours = False
            if not isinstance(e, FileNotFoundError):  # otherwise it was removed meanwhile
                self.findings.add_unreadable(path, e)
        if not is_ours:
            names.remove(str(path))

    def _adopt_or_quarantine(self, segment: Segment, path: Path) -> bool:
        """Adopt a file without an entry if its name and content are those of a segment, otherwise quarantine it.

        Return whether it is a segment. Raises OSError.
        """
        volume, start = self.volumes[segment.volume], segment_index.start_of(path)
        if start is None or next(iter(gop_index.read(path)), None) is None:
            self.findings.quarantined.append(str(path))
            if self.repair:
                volume_quarantine.move(volume, path, "not a segment file", SystemClock().now())
            return False
        if self.repair:
            wanted = volume / self.stream / segment_index.name_of(start)
            if wanted != path:  # an older version used names in milliseconds
                path.rename(wanted)
            done = complete_file(replace(segment, start_us=start, end_us=start), wanted)
            self._adopted.append(done)
            if done.quarantined is not None:
                self.findings.quarantined.append(str(path))
            return done.segment is not None
        return True

    async def store(self, database: Database) -> None:
        changed = {(s.volume, s.start_us): s for s in self._changed}
        removed = {(s.volume, s.start_us) for s in self._removed}
        hours = {s.hour for s in (*self._changed, *self._removed)}
        async with database.reading() as session:
            query = select(Footage.id).where(Footage.stream == self.stream, Footage.hour.in_(hours))
            numbers = (await session.scalars(query)).all() if hours else ()
        for number in numbers:
            async with database.session() as session:
                row = await segment_index.lock_row(session, number)
                if row is not None:
                    kept = [s for s in segment_index.segments_of(row) if (s.volume, s.start_us) not in removed]
                    await segment_index.rewrite(session, row, [changed.get((s.volume, s.start_us), s) for s in kept])
        missing = [(s.start_us, s.end_us) for s in self._removed if s.end_us > s.start_us]
        async with database.session() as session:
            await completion.store(session, self.stream, self._adopted)
            await completion.add_damage_gaps(session, self.stream, self._damaged)
            await completion.add_damage_gaps(session, self.stream, missing, "file missing")
