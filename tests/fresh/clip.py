"""`python -m tests.fresh.clip FILE.mp4`: writes an MP4 file as a user might have one: a street, 20 s, H.264."""

from __future__ import annotations

import sys
from pathlib import Path

import av

from cameras.virtual.scene import Street

FPS, SECONDS, SIZE = 10, 20, (640, 360)


def write(file: Path) -> None:
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "g": str(FPS)})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for picture in Street(5, SIZE).frames(FPS * SECONDS):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))


write(Path(sys.argv[1]))
