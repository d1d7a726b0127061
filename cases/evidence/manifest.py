"""The manifest of an evidence package (R-EXP-6): what is in it, what is missing, who had it.

`tools/verify.py` reads it. The signature is over the manifest's bytes. Each entry of the custody carries the hash of
the entry before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import NotRequired, TypedDict

from core.clock import from_microseconds
from core.json_types import JsonInput

FORMAT = "minwang-evidence/1"
MANIFEST, SIGNATURE, SUMS, README = "manifest.json", "manifest.sig", "SHA256SUMS", "README.txt"
CHINA = timezone(timedelta(hours=8))


class FileKind(StrEnum):
    """Kind of a file in a package."""

    ORIGINAL = "original"  # a segment file, bit for bit as recorded
    VIEWING = "viewing"  # a playable copy, masked and watermarked
    DOCUMENT = "document"  # records for the file of the case
    PLACES = "places"  # which bytes of the originals hold which seconds


class ManifestFile(TypedDict):
    """A file. `start`, `end`: of the footage in it, ISO 8601; `utc_…` the same in UTC."""

    path: str
    kind: FileKind
    size: int
    sha256: str
    camera: NotRequired[str]
    stream: NotRequired[str]
    codec: NotRequired[str]
    start: NotRequired[str]
    end: NotRequired[str]
    utc_start: NotRequired[str]
    utc_end: NotRequired[str]
    recorded_sha256: NotRequired[str | None]  # taken when the segment was closed; None: none was
    clock_offset_us: NotRequired[int | None]  # camera's clock minus the station's while recording; None: not known
    recovered: NotRequired[bool]  # completed after a crash or a damage of its disk
    backfilled: NotRequired[bool]  # fetched from the camera's own storage
    places: NotRequired[str]


class ManifestCamera(TypedDict):
    """A camera as the register describes it when the package is made."""

    id: str
    name: str
    village: str
    latitude: float | None
    longitude: float | None
    azimuth: float | None


class ManifestGap(TypedDict):
    """Time of the request of which nothing is recorded."""

    camera: str
    start: str
    end: str
    cause: str


class CustodyEvent(TypedDict):
    """Who did what with the footage. `previous`: SHA-256 of the canonical JSON of the entry before; first: empty."""

    at: str
    actor: str
    action: str
    detail: str
    previous: str


class ManifestKey(TypedDict):
    """The key that signed."""

    algorithm: str
    public: str  # hexadecimal
    fingerprint: str


class Manifest(TypedDict):
    """All of it."""

    format: str
    number: str
    station: str
    made_at: str
    software: str
    request: dict[str, JsonInput]
    cameras: list[ManifestCamera]
    files: list[ManifestFile]
    gaps: list[ManifestGap]
    custody: list[CustodyEvent]
    key: ManifestKey


def canonical(value: object) -> bytes:
    """Return the bytes of a JSON value of which hashes are taken: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def encoded(manifest: Manifest) -> bytes:
    """Return the bytes of the file, which the signature is over."""
    return json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def custody_of(events: Iterable[tuple[datetime, str, str, str]]) -> list[CustodyEvent]:
    """Return entries that follow from each other. `events`: (time, who, action, detail), oldest first."""
    found: list[CustodyEvent] = []
    previous = ""
    for at, actor, action, detail in events:
        entry: CustodyEvent = {
            "at": at.astimezone(CHINA).isoformat(timespec="seconds"), "actor": actor, "action": action,
            "detail": detail, "previous": previous,
        }  # fmt: skip
        previous = hashlib.sha256(canonical(entry)).hexdigest()
        found.append(entry)
    return found


def sums(files: Sequence[ManifestFile], manifest: bytes, signature: bytes) -> bytes:
    """Return the file for `sha256sum -c`; names have no backslash and no line break (`originals.safe_name`)."""
    rows = [(f["path"], f["sha256"]) for f in files]
    rows += [(MANIFEST, hashlib.sha256(manifest).hexdigest()), (SIGNATURE, hashlib.sha256(signature).hexdigest())]
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(rows)).encode()


def local_time(us: int) -> str:
    """Return a moment (µs UTC) as ISO 8601 in China's time."""
    return from_microseconds(us).astimezone(CHINA).isoformat(timespec="milliseconds")


def utc_time(us: int) -> str:
    return from_microseconds(us).isoformat(timespec="milliseconds")
