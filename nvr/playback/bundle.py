"""Writes several cameras' clips of one range as a zip, with a manifest of what is in it and what is missing.

It is for viewing the clips together; it is no evidence package (that one is sealed and approved). Clips are stored, not
compressed: video does not get smaller.
"""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from core.clock import from_microseconds
from core.errors import StorageError
from nvr.archive.integrity.completion import sha256_of
from nvr.archive.reader import ArchiveReader, LocatedGop
from nvr.playback import clip, mp4_writer
from nvr.playback.clip import Clip, UnreadableRange
from nvr.tables import GapCause

MANIFEST = "manifest.json"


class UnreadableEntry(TypedDict):
    """A range that is recorded but not readable; times in the manifest are ISO 8601."""

    start: str
    end: str
    file: str


class GapEntry(TypedDict):
    start: str
    end: str
    cause: GapCause


class SegmentEntry(TypedDict):
    """A recorded file that the clips were made from."""

    start: str
    sha256: str


class BundleFile(TypedDict):
    """A file of the bundle; several for one stream if its codec or audio changes."""

    file: str
    bytes: int
    sha256: str
    pictures: int
    formats: list[str]
    start: str
    end: str


class BundleStream(TypedDict):
    """One stream; `file` None: nothing of it was written, and the keys of a file are absent."""

    stream: str
    file: str | None
    unreadable: list[UnreadableEntry]
    missing: list[GapEntry]
    segments: list[SegmentEntry]
    bytes: NotRequired[int]
    sha256: NotRequired[str]
    pictures: NotRequired[int]
    formats: NotRequired[list[str]]
    start: NotRequired[str]
    end: NotRequired[str]
    further_files: NotRequired[list[BundleFile]]


class BundleManifest(TypedDict):
    """The manifest, as JSON."""

    start: str
    end: str
    streams: list[BundleStream]


@dataclass(slots=True)
class _StreamClips:
    """What became of one stream: its entry in the manifest, and what could not be read."""

    entry: BundleStream
    unreadable: list[UnreadableRange]
    is_written: bool = False


async def write(
    reader: ArchiveReader, streams: Sequence[str], start_us: int, end_us: int, target: Path
) -> BundleManifest:
    """Write the zip; return its manifest.

    Raises NotFoundError if none of the streams has anything in the range, StorageError if it has, but none of it is
    readable.
    """
    done: list[_StreamClips] = []
    partial = target.with_name(target.name + ".part")
    try:
        for stream in streams:
            new = not any(d.is_written for d in done)
            done.append(await _add_stream(reader, stream, start_us, end_us, partial, target.parent, new=new))
        if not any(d.is_written for d in done):
            clip.raise_nothing_to_export(
                [u for d in done for u in d.unreadable], "none of these cameras has recordings in this range"
            )
        manifest: BundleManifest = {
            "start": _iso_time(start_us), "end": _iso_time(end_us), "streams": [d.entry for d in done],
        }  # fmt: skip
        await asyncio.to_thread(_finish, partial, target, manifest)
    finally:
        await asyncio.to_thread(partial.unlink, missing_ok=True)
    return manifest


async def _add_stream(
    reader: ArchiveReader, stream: str, start_us: int, end_us: int, archive: Path, folder: Path, *, new: bool
) -> _StreamClips:
    """Add one stream's clips to the archive, which is created if `new`."""
    gops = await reader.gops(stream, start_us, end_us, clip.MAX_GOPS)
    spans = await reader.coverage(stream, start_us, end_us)
    segments = await reader.segments(stream, start_us, end_us)
    unreadable = await clip.unreadable_ranges(reader, stream, start_us, end_us, gops)
    files: list[BundleFile] = []
    if gops:
        name = f"{stream.replace('/', '-')}.mp4"
        try:
            files, more = await asyncio.to_thread(_add_clips, archive, folder, name, gops, new=new)
        except StorageError:  # none of it is readable: listed like the rest
            more = clip.file_ranges(gops)
        unreadable += more
    entry: BundleStream = {
        "stream": stream,
        "file": None,
        "unreadable": [_unreadable(u) for u in unreadable],
        "missing": [
            {"start": _iso_time(s.start_us), "end": _iso_time(s.end_us), "cause": s.cause} for s in spans if s.cause
        ],
        "segments": [{"start": _iso_time(s.start_us), "sha256": s.sha256.hex()} for s, _ in segments if not s.open],
    }
    if files:
        entry = {**entry, **files[0], "further_files": files[1:]}
    return _StreamClips(entry, unreadable, bool(files))


def _add_clips(
    archive: Path, folder: Path, name: str, gops: Sequence[LocatedGop], *, new: bool
) -> tuple[list[BundleFile], list[UnreadableRange]]:
    """Write a stream's clip beside the archive and add it. Blocking.

    Return the entries of its files (several if codec or audio change), and what could not be read.
    """
    found: list[BundleFile] = []
    planned = clip.plan_files(gops)
    for part, inner in zip(planned, mp4_writer.output_paths(Path(name), len(planned)), strict=True):
        found.append(_add_file(archive, folder / f".{inner}.part", str(inner), part, new=new and not found))
    return found, planned[0].unreadable


def _add_file(archive: Path, path: Path, name: str, part: Clip, *, new: bool) -> BundleFile:
    try:
        size = mp4_writer.write(part, path)
        digest = sha256_of(path).hex()
        with zipfile.ZipFile(archive, "w" if new else "a", zipfile.ZIP_STORED) as z:
            z.write(path, name)
    finally:
        path.unlink(missing_ok=True)
    return {
        "file": name, "bytes": size, "sha256": digest, "pictures": part.pictures, "formats": part.formats,
        "start": _iso_time(part.start_us), "end": _iso_time(part.end_us),
    }  # fmt: skip


def _unreadable(lost: UnreadableRange) -> UnreadableEntry:
    return {"start": _iso_time(lost.start_us), "end": _iso_time(lost.end_us), "file": lost.path.name}


def _finish(partial: Path, target: Path, manifest: BundleManifest) -> None:
    with zipfile.ZipFile(partial, "a", zipfile.ZIP_STORED) as z:
        z.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
    partial.rename(target)


def _iso_time(us: int) -> str:
    return from_microseconds(us).isoformat(timespec="milliseconds")
