"""Writes an evidence package: originals, places, viewing copies, documents, manifest, signature, SHA256SUMS.

Everything is written into a folder beside the target, which gets its name only when all of it is on the disk. A process
killed before leaves a folder that the next try removes: no half package has the name of a sealed one. Blocking.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import core
from cases.evidence import manifest as evidence_manifest
from cases.evidence import originals
from cases.evidence.manifest import CustodyEvent, FileKind, Manifest, ManifestCamera, ManifestFile, ManifestGap
from core.errors import StorageError
from core.files import sync_folder, write_atomic
from core.json_types import JsonInput
from core.station_keys import SigningKey
from nvr.archive.segment_index import Segment, SegmentFlag

PART_SUFFIX = ".part"
MIN_FREE_BYTES = 1 << 30  # left on the disk beside the package: the station lives there as well
README_TEXT = Path(__file__).with_name("readme.txt")


@dataclass(frozen=True, slots=True)
class PlannedStream:
    """A stream of the package with its closed segments, oldest first."""

    camera: str
    stream: str
    codec: str
    segments: Sequence[tuple[Segment, Path]]


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """What a package is made of. `request`: as the manifest shows it, with number and case."""

    number: str
    station: str
    made_at: datetime
    request: dict[str, JsonInput]
    cameras: Sequence[ManifestCamera]
    streams: Sequence[PlannedStream]
    gaps: Sequence[ManifestGap]
    custody: Sequence[CustodyEvent]

    @property
    def bytes(self) -> int:
        return sum(segment.size for s in self.streams for segment, _ in s.segments)


@dataclass(slots=True)
class Progress:
    """How far the writing is; read by another thread. `stop` ends it."""

    total_bytes: int = 0
    done_bytes: int = 0
    stop: bool = False


@dataclass(frozen=True, slots=True)
class SealedPackage:
    """A finished package. `changed`: originals that are not as recorded; `unhashed`: without a hash of that time."""

    folder: Path
    manifest_sha256: str
    bytes: int
    files: int
    changed: tuple[str, ...]
    unhashed: tuple[str, ...]


@dataclass(slots=True)
class _Contents:
    """What was written so far. `changed`, `unhashed`: as in SealedPackage."""

    folder: Path
    files: list[ManifestFile] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unhashed: list[str] = field(default_factory=list)

    def add_bytes(self, path: str, kind: FileKind, data: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, data, mode=0o640)
        self.files.append({"path": path, "kind": kind, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})


Further = Callable[[Path, Manifest], Sequence[ManifestFile]]


def write(
    plan: PackagePlan, target: Path, key: SigningKey, progress: Progress, further: Sequence[Further] = ()
) -> SealedPackage:
    """Write the package to `target`, which must not exist.

    `further` write more files (viewing copies, documents) into the folder that they are given and return their
    entries; they see the manifest as it is so far. Raises StorageError, FileNotFoundError (footage removed meanwhile),
    InterruptedError (`progress.stop`), FileExistsError.
    """
    if target.exists():
        raise FileExistsError(target)
    part = target.with_name(target.name + PART_SUFFIX)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o750)
    progress.total_bytes = plan.bytes
    _check_room(part, plan.bytes)
    contents = _Contents(part)
    for stream in plan.streams:
        _add_stream(contents, stream, progress)
    made: Manifest = {
        "format": evidence_manifest.FORMAT, "number": plan.number, "station": plan.station,
        "made_at": plan.made_at.astimezone(evidence_manifest.CHINA).isoformat(timespec="seconds"),
        "software": f"minwang {core.__version__}", "request": plan.request, "cameras": list(plan.cameras),
        "files": contents.files, "gaps": list(plan.gaps), "custody": list(plan.custody),
        "key": {"algorithm": "Ed25519", "public": key.public.hex(), "fingerprint": key.fingerprint},
    }  # fmt: skip
    for adds in further:
        contents.files += adds(part, made)
    contents.add_bytes(evidence_manifest.README, FileKind.DOCUMENT, README_TEXT.read_bytes())
    digest = _seal(part, made, key)
    _sync_folders(part)
    part.rename(target)
    sync_folder(target.parent)
    return SealedPackage(
        target, digest, sum(f["size"] for f in made["files"]), len(made["files"]), tuple(contents.changed),
        tuple(contents.unhashed),
    )  # fmt: skip


def remove(folder: Path) -> None:
    """Remove a package, the manifest first: what is left of it by a kill is no package. Blocking. Raises OSError."""
    if folder.exists():
        (folder / evidence_manifest.MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + MIN_FREE_BYTES:
        raise StorageError(
            f"{folder.parent}: the package needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            "make room, or set evidence.folder to another disk"
        )


def _add_stream(contents: _Contents, stream: PlannedStream, progress: Progress) -> None:
    """Copy a stream's segments and write the file that says which bytes hold which seconds."""
    folder = originals.safe_name(stream.stream.replace("/", "-"))
    places_path = f"places/{folder}.json"
    places: dict[str, list[originals.Block]] = {}
    for segment, source in stream.segments:
        path = f"original/{folder}/{source.parent.name}-{source.name}"
        copied = originals.copy(segment, source, contents.folder / path, lambda: progress.stop)
        progress.done_bytes += copied.size
        places[path] = copied.blocks
        if copied.recorded_sha256 is None:
            contents.unhashed.append(path)
        if not copied.is_as_recorded:
            contents.changed.append(path)
        contents.files.append(_entry(path, stream, segment, copied, places_path))
    contents.add_bytes(places_path, FileKind.PLACES, json.dumps(places, separators=(",", ":")).encode())


def _entry(path: str, stream: PlannedStream, segment: Segment, copied: originals.Original, places: str) -> ManifestFile:
    return {
        "path": path, "kind": FileKind.ORIGINAL, "size": copied.size, "sha256": copied.sha256,
        "recorded_sha256": copied.recorded_sha256, "camera": stream.camera, "stream": stream.stream,
        "codec": stream.codec, "start": evidence_manifest.local_time(segment.start_us),
        "end": evidence_manifest.local_time(segment.end_us), "utc_start": evidence_manifest.utc_time(segment.start_us),
        "utc_end": evidence_manifest.utc_time(segment.end_us), "clock_offset_us": segment.clock_offset_us,
        "recovered": bool(segment.flags & SegmentFlag.RECOVERED),
        "backfilled": bool(segment.flags & SegmentFlag.BACKFILLED), "places": places,
    }  # fmt: skip


def _seal(folder: Path, made: Manifest, key: SigningKey) -> str:
    """Write manifest, signature and SHA256SUMS; return the manifest's SHA-256."""
    data = evidence_manifest.encoded(made)
    signature = key.sign(data).hex().encode() + b"\n"
    write_atomic(folder / evidence_manifest.MANIFEST, data, mode=0o640)
    write_atomic(folder / evidence_manifest.SIGNATURE, signature, mode=0o640)
    write_atomic(folder / evidence_manifest.SUMS, evidence_manifest.sums(made["files"], data, signature), mode=0o640)
    return hashlib.sha256(data).hexdigest()


def _sync_folders(folder: Path) -> None:
    for inner in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
        sync_folder(inner)
