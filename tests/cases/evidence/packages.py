"""Evidence packages from segment files, without a station."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cases.evidence import package
from cases.evidence.manifest import custody_of
from cases.evidence.package import PackagePlan, PlannedStream, Progress, SealedPackage
from core.station_keys import SigningKey, fingerprint_of
from nvr.archive.segment_index import Segment
from tests.conftest import ROOT
from tests.nvr.segment_files import BEGIN_US as BEGIN_US
from tests.nvr.segment_files import street_pictures, write_segment

SECOND = 1_000_000
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)


def signing_key() -> SigningKey:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return SigningKey(fingerprint_of(public), public, private)


def segment_file(folder: Path, stream: str, at_s: int) -> tuple[Segment, Path]:
    """Return a segment of two seconds that begins `at_s` seconds after BEGIN_US, in two GOPs."""
    start = BEGIN_US + at_s * SECOND
    gops = write_segment(folder / stream, start, street_pictures())
    path = gops[0].path
    digest = hashlib.sha256(path.read_bytes()).digest()
    media = gops[-1].end_us - start
    return Segment(stream, 1, start, start + media, media, path.stat().st_size, 20, 0, 250_000, 0, digest), path


def planned(folder: Path, streams: Sequence[str] = ("wj-01/main", "wj-02/main"), files: int = 3) -> PackagePlan:
    return PackagePlan(
        "E-2026-0001", "西店派出所", NOW, {"number": "R-1", "case": "A-2026-15", "purpose": "盗窃案"},
        [{"id": s.split("/")[0], "name": "王家村口", "village": "wj", "latitude": 29.4, "longitude": 121.4,
          "azimuth": None} for s in streams],
        [PlannedStream(s.split("/")[0], s, "h264", [segment_file(folder, s, 10 * i) for i in range(files)])
         for s in streams],
        [{"camera": "wj-01", "start": "2026-11-21T09:50:07.000+08:00", "end": "2026-11-21T09:50:15.000+08:00",
          "cause": "no_packets"}],
        custody_of([(NOW, "zhang", "evidence.request", "A-2026-15"), (NOW, "li", "evidence.approve", "")]),
    )  # fmt: skip


def write(plan: PackagePlan, target: Path, key: SigningKey | None = None) -> tuple[SealedPackage, SigningKey]:
    key = key or signing_key()
    return package.write(plan, target, key, Progress()), key


def without_hashes(plan: PackagePlan) -> PackagePlan:
    streams = [
        replace(s, segments=[(replace(segment, sha256=bytes(32)), path) for segment, path in s.segments])
        for s in plan.streams
    ]
    return replace(plan, streams=streams)


def verified(folder: Path, key: str | None = None, *options: str) -> tuple[int, dict[str, Any]]:
    """Run the verifier as a stranger does: a bare Python, no site packages. Return its status and its JSON."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "tools" / "verify.py"), str(folder), "--json", *options]
        + (["--key", key] if key else []),
        capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin"}, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def codes(found: dict[str, Any]) -> list[str]:
    return [p["code"] for p in found["problems"]]
