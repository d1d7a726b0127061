"""A release archive as `minwang bundle` makes it."""

from __future__ import annotations

import os
from pathlib import Path

from station.install import (
    bundle,
    manifest,
)
from station.install.manifest import ReleaseManifest

MADE = ReleaseManifest(
    "0.1.0", "a" * 40, "2026-01-02T03:04:05+08:00", "c" * 64, manifest.python_version(), manifest.machine()
)


def write_bundle(folder: Path, made: ReleaseManifest = MADE) -> Path:
    (folder / "a").write_text("one\n")
    (folder / "b.whl").write_bytes(os.urandom(3000))
    target = folder / "bundle.tar"
    bundle.write(target, made, {"minwang": folder / "a", "core/x.py": folder / "a", "wheels/b.whl": folder / "b.whl"})
    return target
