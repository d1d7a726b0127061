"""Reads uploaded pictures: checks size and format before it decodes anything. Only disposable workers decode them."""

from __future__ import annotations

import io
import resource

import cv2
import numpy as np
from PIL import Image

from core.error_codes import ErrorCode
from core.errors import UsageError
from nvr.playback.pictures import Picture

MAX_PIXELS = 40_000_000
MAX_BYTES = 12_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
MIN_SIDE_PX = 8
DECODE_MEMORY_BYTES = 1_000_000_000  # that decoding may use: 40 million pixels with four channels, three times


def limit_memory() -> None:
    """Limit the memory of the worker that calls this: decoding that needs more fails there (RLIMIT_AS)."""
    with open("/proc/self/statm", encoding="ascii") as f:
        now = int(f.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = now + DECODE_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def decode_upload(content: bytes, largest: int) -> Picture:
    """Return the picture as BGR, its longer side at most `largest`.

    Raises UsageError if it is no picture or too large.
    """
    if len(content) > MAX_BYTES:
        raise UsageError(
            f"the picture is {len(content) / 1e6:.1f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB",
            ErrorCode.PICTURE_TOO_LARGE,
            size_mb=round(len(content) / 1e6, 1),
            limit_mb=MAX_BYTES // 1_000_000,
        )
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS or min(width, height) < MIN_SIDE_PX:
                raise UsageError(
                    f"a picture of {width} × {height} cannot be used; "
                    f"send one of 8 × 8 to {MAX_PIXELS // 1_000_000} million pixels",
                    ErrorCode.PICTURE_SIZE_UNUSABLE,
                    width=width,
                    height=height,
                )
            image.draft("RGB", (largest, largest))
            drawn = image.convert("RGB")
            drawn.thumbnail((largest, largest), reducing_gap=2.0)
            rgb = np.asarray(drawn, np.uint8)
    except (Image.DecompressionBombError, MemoryError, cv2.error) as e:
        raise UsageError(
            f"the picture has too many pixels; at most {MAX_PIXELS // 1_000_000} million can be used",
            ErrorCode.PICTURE_TOO_MANY_PIXELS,
            limit=MAX_PIXELS,
        ) from e
    except (OSError, ValueError, SyntaxError, EOFError) as e:
        raise UsageError(
            "the file is not a readable picture; upload a JPEG, PNG, WebP or BMP", ErrorCode.PICTURE_FORMAT_UNKNOWN
        ) from e
    return np.ascontiguousarray(rgb[..., ::-1])


def reencode(content: bytes, largest: int, quality: int = 85) -> bytes:
    """Return an uploaded picture, re-encoded as JPEG without metadata. Raises UsageError."""
    _, jpeg = cv2.imencode(".jpg", decode_upload(content, largest), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return jpeg.tobytes()
