"""Openings of stories that earlier starts have drawn: the same view in the same light need not be drawn again.

They are in the folder STREETS beside the folder of the views. Only files that this program wrote are read.
"""

from __future__ import annotations

import hashlib
import pickle
from datetime import datetime
from pathlib import Path

from cameras.virtual.clip import LoopClip
from cameras.virtual.rendering.daylight import light_step

STREETS = "streets"
KEPT_FILES = 24  # the newest ones: three steps of light of eight cameras

Stored = dict[str, dict[str, tuple[str, float, list[list[bytes]]]]]


class Opening:
    """The opening of one view, encoded in one way. `kind`: what else it depends on. Blocking."""

    def __init__(self, view: Path, kind: str, moment: datetime):
        self._folder = view.parent.parent / STREETS
        digest = hashlib.sha256(view.read_bytes())
        digest.update(f"{kind} {light_step(moment)} {_program()}".encode())
        self._file = self._folder / f"{digest.hexdigest()[:32]}.clips"

    def load(self) -> dict[str, dict[str, LoopClip]] | None:
        """Return the clips by profile and variant; None if they were not stored."""
        try:
            stored: Stored = pickle.loads(self._file.read_bytes())
        except (FileNotFoundError, EOFError, pickle.UnpicklingError):
            return None
        return {p: {v: LoopClip(*parts) for v, parts in variants.items()} for p, variants in stored.items()}

    def save(self, clips: dict[str, dict[str, LoopClip]]) -> None:
        """Store the clips, and delete the oldest files beyond KEPT_FILES."""
        stored: Stored = {p: {v: (c.codec, c.fps, c.units) for v, c in cs.items()} for p, cs in clips.items()}
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        part.write_bytes(pickle.dumps(stored))
        part.rename(self._file)
        files = sorted(self._folder.glob("*.clips"), key=lambda f: f.stat().st_mtime, reverse=True)
        for old in files[KEPT_FILES:]:
            old.unlink(missing_ok=True)


def _program() -> str:
    """Return a digest of the drawing program."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
