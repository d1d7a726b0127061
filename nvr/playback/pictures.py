"""Decodes single keyframes with PyAV. Only disposable workers call this, because malformed data can crash libav."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags

from core.error_codes import ErrorCode
from core.errors import ProtocolError
from nvr.archive.reader import Keyframe
from nvr.media.pictures.gradual_refresh import is_keyframe

Picture = npt.NDArray[np.uint8]
# Polygons of at least three corners (x, y), in shares of the picture from its upper left corner.
Masks = Sequence[Sequence[Sequence[float]]]


def decode_frame(frame: Keyframe, *, quick: bool = False) -> av.VideoFrame:
    """Return the picture as the decoder gives it; with gradual refresh, the first complete one.

    `quick` skips the deblocking filter, for pictures that only a program analyses. Raises ProtocolError if it does not
    decode.
    """
    if frame.unusable:
        raise ProtocolError(frame.unusable, ErrorCode.PICTURE_NOT_DECODABLE)
    name: Literal["hevc", "h264"] = "hevc" if frame.codec == "h265" else "h264"
    codec = av.CodecContext.create(name, "r")
    codec.extradata = frame.configuration
    codec.thread_count = 1
    if not is_keyframe(frame.data, frame.codec):  # gradual_refresh knows better than libav when it is complete
        codec.flags |= Flags.output_corrupt
    if quick and not frame.following:  # reference pictures must be exact
        codec.options = {"skip_loop_filter": "all"}
    try:
        picture = _last(codec, [frame.data, *frame.following])
    except av.FFmpegError as e:
        raise ProtocolError(f"the keyframe does not decode: {e.strerror}", ErrorCode.PICTURE_NOT_DECODABLE) from e
    if picture is None:
        raise ProtocolError("the keyframe does not decode to a picture", ErrorCode.PICTURE_NOT_DECODABLE)
    return picture


def _last(codec: av.VideoCodecContext, samples: Sequence[bytes]) -> av.VideoFrame | None:
    """Return the last picture in display order. Raises av.FFmpegError."""
    picture = None
    for packet in [*map(av.Packet, samples), None]:
        picture = next(iter(codec.decode(packet)[-1:]), picture)
    return picture


def decode_bgr(frame: Keyframe, width: int | None = None) -> Picture:
    """Return the picture as H×W×3 BGR, scaled down to `width` if given. Raises ProtocolError if it does not decode."""
    picture = decode_frame(frame)
    if width is not None and width < picture.width:
        height = round(picture.height * width / picture.width / 2) * 2
        picture = picture.reformat(width, height, format="bgr24")
    return np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)


def covered(picture: Picture, masks: Masks) -> Picture:
    """Return an H×W×3 picture with the privacy masks filled black (R-MASK-1); the same picture if there are none."""
    if not masks:
        return picture
    made, (height, width) = picture.copy(), picture.shape[:2]
    for polygon in masks:
        corners = (np.array(polygon, np.float64) * (width, height)).round().astype(np.int32)
        cv2.fillPoly(made, [corners], (0, 0, 0))
    return made


def snapshot(frame: Keyframe, width: int, masks: Masks = ()) -> bytes:
    """Return the keyframe as JPEG, at most `width` wide, without what the masks hide."""
    picture = covered(decode_bgr(frame, width), masks)
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 82])
    return jpeg.tobytes()
