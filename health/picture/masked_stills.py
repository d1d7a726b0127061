"""Stills for people who may not see video: small, with privacy areas covered. Runs in disposable workers."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from core.error_codes import ErrorCode
from core.errors import UsageError

WIDTH = 192  # pixels: enough to see whether a lens is clean and where it points, too few to recognise a person


def masked(jpeg: bytes, masks: Sequence[Sequence[Sequence[float]]]) -> bytes:
    """Return a JPEG of WIDTH pixels with the privacy areas (polygons, shares of the picture) filled black.

    Raises UsageError if the picture cannot be decoded.
    """
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise UsageError("the stored picture cannot be decoded", ErrorCode.STORED_PICTURE_UNREADABLE)
    height = max(1, round(picture.shape[0] * WIDTH / picture.shape[1]))
    small = cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
    for polygon in masks:
        corners = (np.array(polygon, np.float64) * (WIDTH, height)).round().astype(np.int32)
        cv2.fillPoly(small, [corners], (0, 0, 0))
    _, made = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return made.tobytes()
