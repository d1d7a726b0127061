"""Encodes a whole story in a process of its own: `python -m cameras.virtual.rendering VIEW MOMENT CODEC OUTPUT`.

VIEW: a file with a view as JSON; MOMENT: ISO 8601; CODEC: of the main stream; OUTPUT: gets the pickled clips.
"""

from __future__ import annotations

import os
import pickle
import sys
from datetime import datetime
from pathlib import Path

import cv2

from cameras.virtual.rendering.story_clips import encode_story
from cameras.virtual.rendering.view import View

NICENESS = 15


def main() -> None:
    os.nice(NICENESS)
    cv2.setNumThreads(1)
    view_file, moment, codec, output = sys.argv[1:]
    view = View.model_validate_json(Path(view_file).read_text(encoding="utf-8"))
    clips, _ = encode_story(view, datetime.fromisoformat(moment), codec, view.story_seconds)
    part = Path(output).with_suffix(".part")
    part.write_bytes(pickle.dumps(clips))
    part.rename(output)


if __name__ == "__main__":
    main()
