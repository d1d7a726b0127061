"""Decoding single keyframes with PyAV. Only disposable workers call this: odd data can crash libav."""

from __future__ import annotations

from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from core.errors import ProtocolError
from nvr.reader import Keyframe

Picture = npt.NDArray[np.uint8]


def decoded(frame: Keyframe, *, quick: bool = False) -> av.VideoFrame:
    """The picture as the decoder gives it. `quick` leaves the deblocking out: nobody looks at it, a program does.

    Raises ProtocolError where it does not decode.
    """
    codec: Any = av.CodecContext.create("hevc" if frame.codec == "h265" else "h264", "r")
    codec.extradata = frame.configuration
    codec.thread_count = 1
    if quick:
        codec.options = {"skip_loop_filter": "all"}
    try:
        pictures = codec.decode(av.Packet(frame.data)) + codec.decode(None)
    except av.FFmpegError as e:
        raise ProtocolError(f"the keyframe does not decode: {e.strerror}") from e
    if not pictures:
        raise ProtocolError("the keyframe does not decode to a picture")
    picture: av.VideoFrame = pictures[0]
    return picture


def decode(frame: Keyframe, width: int | None = None) -> Picture:
    """The picture as H×W×3 BGR, scaled to `width` where given. Raises ProtocolError where it does not decode."""
    picture = decoded(frame)
    if width is not None and width < picture.width:
        height = round(picture.height * width / picture.width / 2) * 2
        picture = picture.reformat(width, height, format="bgr24")
    return np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)


def snapshot(frame: Keyframe, width: int) -> bytes:
    """The keyframe as JPEG, at most `width` wide."""
    _, jpeg = cv2.imencode(".jpg", decode(frame, width), [cv2.IMWRITE_JPEG_QUALITY, 82])
    return jpeg.tobytes()
