"""What the analysis has learned of a camera, kept beside its sightings so that a restart does not lose it. Blocking.

One small file per camera number, `<folder>/memory/<number>`, replaced as a whole. Its content belongs to the analysis
(search.analysis.tracking.learned_motion); it holds no pictures and no places of people.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

FOLDER = "memory"
MAX_BYTES = 1_000_000


def write(folder: Path, camera: int, content: bytes) -> None:
    """Replace what is remembered of a camera. `folder`: of the sighting store."""
    path = _path(folder, camera)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, path)


def read(folder: Path, camera: int) -> bytes | None:
    """Return what is remembered of a camera; None if there is nothing."""
    with suppress(FileNotFoundError), _path(folder, camera).open("rb") as f:
        return f.read(MAX_BYTES)
    return None


def _path(folder: Path, camera: int) -> Path:
    return folder / FOLDER / str(camera)
