"""Writes several cameras' clips of one range as a zip, with a manifest of what is in it and what is missing.

It is for viewing the clips together; it is no evidence package (that one is sealed and approved). Clips are stored, not
compressed: video does not get smaller.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.clock import from_microseconds
from core.errors import NotFoundError, StorageError
from nvr.archive.reader import ArchiveReader
from nvr.playback import clip

MANIFEST = "manifest.json"


async def write(
    reader: ArchiveReader, streams: Sequence[str], start_us: int, end_us: int, target: Path
) -> dict[str, Any]:
    """Write the zip; return its manifest.

    Raises NotFoundError if none of the streams has anything in the range, StorageError if it has, but none of it is
    readable.
    """
    entries: list[dict[str, Any]] = []
    partial = target.with_name(target.name + ".part")
    try:
        for stream in streams:
            gops = await reader.gops(stream, start_us, end_us, clip.MAX_GOPS)
            spans = await reader.coverage(stream, start_us, end_us)
            segments = await reader.segments(stream, start_us, end_us)
            lost = await clip.unreadable(reader, stream, start_us, end_us, gops)
            entry: dict[str, Any] = {
                "stream": stream,
                "file": None,
                "unreadable": [_unreadable(u) for u in lost],
                "missing": [
                    {"start": _text(s.start_us), "end": _text(s.end_us), "cause": s.cause} for s in spans if s.cause
                ],
                "segments": [{"start": _text(s.start_us), "sha256": s.sha256.hex()} for s, _ in segments if not s.open],
            }
            if gops:
                name = f"{stream.replace('/', '-')}.mp4"
                new = not any(e["file"] for e in entries)
                try:
                    added, more = await asyncio.to_thread(_add, partial, target.parent, name, gops, new=new)
                except StorageError:  # none of it is readable: listed like the rest
                    added, more = {}, [_unreadable(u) for u in clip.whole_files(gops)]
                entry |= added
                entry["unreadable"] += more
            entries.append(entry)
        if not any(e["file"] for e in entries) and (
            lost_files := [u["file"] for e in entries for u in e["unreadable"]]
        ):
            names = ", ".join(dict.fromkeys(lost_files[: clip.MANY_FILES]))
            raise StorageError(
                f"footage is recorded in this range and cannot be read: {names}; run 'minwang archive verify'"
            )
        if not any(e["file"] for e in entries):
            raise NotFoundError("nothing is recorded in this range by any of these cameras")
        manifest = {"start": _text(start_us), "end": _text(end_us), "streams": entries}
        await asyncio.to_thread(_finish, partial, target, manifest)
    finally:
        await asyncio.to_thread(partial.unlink, missing_ok=True)
    return manifest


def _add(
    archive: Path, folder: Path, name: str, gops: Sequence[Any], *, new: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Write a stream's clip beside the archive and add it.

    Return its first file's entry with `further_files` (another codec or audio), and what could not be read.
    """
    found: list[dict[str, Any]] = []
    made = clip.parts(gops)
    for part, inner in zip(made, clip.names(Path(name), len(made)), strict=True):
        found.append(_add_file(archive, folder / f".{inner}.part", str(inner), part, new=new and not found))
    return {**found[0], "further_files": found[1:]}, [_unreadable(u) for u in made[0].unreadable]


def _add_file(archive: Path, path: Path, name: str, part: clip.Clip, *, new: bool) -> dict[str, Any]:
    try:
        size = clip.write(part, path)
        with path.open("rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
        with zipfile.ZipFile(archive, "w" if new else "a", zipfile.ZIP_STORED) as z:
            z.write(path, name)
    finally:
        path.unlink(missing_ok=True)
    return {
        "file": name, "bytes": size, "sha256": digest, "pictures": part.pictures, "formats": part.formats,
        "start": _text(part.start_us), "end": _text(part.end_us),
    }  # fmt: skip


def _unreadable(lost: clip.UnreadableRange) -> dict[str, Any]:
    return {"start": _text(lost.start_us), "end": _text(lost.end_us), "file": lost.path.name}


def _finish(partial: Path, target: Path, manifest: dict[str, Any]) -> None:
    with zipfile.ZipFile(partial, "a", zipfile.ZIP_STORED) as z:
        z.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
    partial.rename(target)


def _text(us: int) -> str:
    return from_microseconds(us).isoformat(timespec="milliseconds")
