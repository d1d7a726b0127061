"""Burns a watermark into a picture that leaves the station: whose copy it is, when and where it was taken (R-WM-1).

Caption lines stand at the bottom; the viewer's account is repeated diagonally over the whole picture, so that cutting
the caption off does not remove the name. White text has a black outline, because one colour alone disappears on
bright or on dark parts of a picture. Runs in a decoding process.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.errors import StorageError
from nvr.archive.reader import Keyframe
from nvr.playback.pictures import Masks, Picture, covered, decode_bgr

FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
# Files of fonts with Chinese characters, the best first; fonts-noto-cjk is a package that a station installs.
FONT_FILES = ("NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "wqy-microhei.ttc", "wqy-zenhei.ttc")
SIMPLIFIED_CHINESE = "SC"  # the face of a collection that draws the characters as China writes them
MAX_FACES = 16
JPEG_QUALITY = 92
LINE_SHARE = 1 / 34  # of the picture's height
MIN_TEXT_PX, MAX_TEXT_PX = 9, 64
OVERLAY_ALPHA = 46  # of 255: visible, and does not hide what it lies on
OVERLAY_DEGREES = 24
OVERLAY_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Caption:
    """What a watermark says: the lines at the bottom, and the text that is repeated over the picture."""

    lines: tuple[str, ...]
    repeated: str


def marked_jpeg(frame: Keyframe, caption: Caption, masks: Masks = ()) -> bytes:
    """Return the picture in its full size with the watermark, as JPEG, without what the privacy masks hide.

    Raises ProtocolError if it does not decode, StorageError if no font with Chinese characters is installed.
    """
    marked = watermarked(covered(decode_bgr(frame), masks), caption)
    _, jpeg = cv2.imencode(".jpg", marked, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return jpeg.tobytes()


def watermarked(picture: Picture, caption: Caption) -> Picture:
    """Return an H×W×3 BGR picture with the watermark. Raises StorageError."""
    image = Image.fromarray(np.ascontiguousarray(picture[..., ::-1])).convert("RGBA")
    image.alpha_composite(_overlay(image.size, caption.repeated))
    draw = ImageDraw.Draw(image)
    size = _text_size(image.size, caption.lines)
    bottom = image.height - size // 3
    for line in reversed(caption.lines):
        bottom -= round(size * 1.35)
        outline = max(1, size // 9)
        draw.text((size // 2, bottom), line, font=font(size), fill="white", stroke_width=outline, stroke_fill="black")
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), np.uint8)[..., ::-1])


def _text_size(size: tuple[int, int], lines: tuple[str, ...]) -> int:
    """Return the height of the text, px: in proportion to the picture, less if a line would not fit its width."""
    wanted = round(min(max(size[1] * LINE_SHARE, MIN_TEXT_PX), MAX_TEXT_PX))
    longest = max((font(wanted).getlength(line) for line in lines), default=0.0)
    room = size[0] - 2 * wanted
    return wanted if longest <= room else max(MIN_TEXT_PX, int(wanted * room / longest))


def _overlay(size: tuple[int, int], text: str) -> Image.Image:
    """Return a transparent picture of a size, over which `text` is repeated diagonally."""
    reach = round(float(np.hypot(*size)))
    layer = Image.new("RGBA", (reach, reach), (0, 0, 0, 0))
    draw, height = ImageDraw.Draw(layer), round(min(max(size[1] * LINE_SHARE * 1.2, MIN_TEXT_PX), MAX_TEXT_PX))
    step_x, step_y = max(reach // OVERLAY_COLUMNS, round(font(height).getlength(text)) + height), height * 5
    white, black = (255, 255, 255, OVERLAY_ALPHA), (0, 0, 0, OVERLAY_ALPHA)
    for row, y in enumerate(range(0, reach, step_y)):
        for x in range(-(row % 2) * step_x // 2, reach, step_x):
            draw.text((x, y), text, font=font(height), fill=white, stroke_width=1, stroke_fill=black)
    turned = layer.rotate(OVERLAY_DEGREES)
    left, top = (reach - size[0]) // 2, (reach - size[1]) // 2
    return turned.crop((left, top, left + size[0], top + size[1]))


@functools.lru_cache(64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return a font with Chinese characters, `size` px high. Raises StorageError if none is installed."""
    path = font_file()
    if path is None:
        raise StorageError("pictures need a font with Chinese characters; install one (apt-get install fonts-noto-cjk)")
    found = ImageFont.truetype(str(path))
    for face in range(MAX_FACES if path.suffix == ".ttc" else 1):
        try:
            candidate = ImageFont.truetype(str(path), size, index=face)
        except OSError:  # no further face
            break
        if face == 0 or (candidate.getname()[0] or "").endswith(SIMPLIFIED_CHINESE):
            found = candidate
        if (found.getname()[0] or "").endswith(SIMPLIFIED_CHINESE):
            break
    return found


@functools.lru_cache(1)
def font_file() -> Path | None:
    """Return the file of the best installed font with Chinese characters; None if there is none."""
    installed = {path.name: path for folder in FONT_FOLDERS for path in folder.rglob("*.[ot]t[cf]")}
    return next((installed[name] for name in FONT_FILES if name in installed), None)
