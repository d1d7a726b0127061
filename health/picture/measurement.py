"""Measurements of one picture. Runs in disposable workers and knows neither the camera nor its history.

The keyframe is decoded once and read from its planes: luminance 640 wide, chroma about 160 wide, and a few crops in
native size for the noise, which scaling would hide. Energies are natural logarithms. Methods and pitfalls:
docs/health.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import av
import cv2
import numpy as np
import numpy.typing as npt

from core.errors import ProtocolError
from nvr.archive.reader import Keyframe
from nvr.playback.pictures import decode_frame

Plane = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating]  # of any precision: numpy computes medians in float64
S = TypeVar("S", bound=np.generic)

WIDTH, HEIGHT = 640, 360
THUMB = (160, 90)  # width, height
CELLS = (12, 8)  # columns, rows
BANDS = 4
SPECTRUM = (32, 16)  # pooled from the 128×64 half spectrum
ROWS = 180
WAVES = 160  # 80 bins across, 80 bins down

SCALARS = (
    "p2",
    "p50",
    "p98",
    "mean",
    "sd",
    "saturated",
    "dark",
    "f0",
    "f1",
    "f2",
    "edge",
    "noise",
    "u",
    "v",
    "chroma",
    "flat",
    "level",
    "e0",
    "e1",
    "e2",
    "e3",
    "steps",
    "tiles",
    "still",
)
_CELLS_AT = len(SCALARS)
_SPECTRUM_AT = _CELLS_AT + BANDS * CELLS[0] * CELLS[1]
_ROWS_AT = _SPECTRUM_AT + SPECTRUM[0] * SPECTRUM[1]
_WAVES_AT = _ROWS_AT + ROWS
_COLOURS_AT = _WAVES_AT + WAVES
SIZE = _COLOURS_AT + 3 * CELLS[0] * CELLS[1]
INDEX = {name: i for i, name in enumerate(SCALARS)}
BLOCK_LINE_STEP = 4  # every 4th line of a block is measured
ENERGY_FLOOR = 0.02  # added to every energy before its logarithm: below the resolution of 8 bits

_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)  # Immerkaer 1996
TILE = 128  # pixels
SHARED_TILES = 7  # of ten, that must share a wave
_TILES = [(top, left) for top in (34, 198) for left in range(0, WIDTH, TILE)]
_HANN = np.outer(np.hanning(TILE), np.hanning(TILE)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Measurement:
    """Measurements of one picture.

    `vector`: SIZE values (SCALARS, then cells, spectrum, rows, waves, colours); `thumb`: luminance, 90×160.
    """

    vector: Vector
    thumb: Plane
    corrupt: bool = False
    size: tuple[int, int] = (0, 0)  # of the decoded picture: width, height in pixels

    def __getitem__(self, name: str) -> float:
        """Return a scalar by its name in SCALARS."""
        return float(self.vector[INDEX[name]])

    def pack(self) -> bytes:
        """Pack the vector as little-endian float16."""
        return self.vector.astype("<f2").tobytes()


def has_current_layout(blob: bytes) -> bool:
    """Return whether a packed vector has the present layout."""
    return len(blob) == 2 * SIZE


def unpack(blobs: list[bytes]) -> npt.NDArray[np.float32]:
    """Unpack vectors to N×SIZE; leave out those of another layout."""
    usable = [b for b in blobs if has_current_layout(b)]
    return np.frombuffer(b"".join(usable), "<f2").reshape(len(usable), SIZE).astype(np.float32)


def cells(vectors: Vector) -> Vector:
    """Return the cells of vectors: …×BANDS×8×12 of ln energy."""
    return vectors[..., _CELLS_AT:_SPECTRUM_AT].reshape(*vectors.shape[:-1], BANDS, CELLS[1], CELLS[0])


def thirds(cells: npt.NDArray[S]) -> list[npt.NDArray[S]]:
    """Split a plane of cells into upper, middle, lower, left, middle and right third."""
    return [*np.array_split(cells, 3, axis=0), *np.array_split(cells, 3, axis=1)]


def spectrum(vectors: Vector) -> Vector:
    """Return the pooled spectrum of vectors: …×32×16."""
    return vectors[..., _SPECTRUM_AT:_ROWS_AT].reshape(*vectors.shape[:-1], *SPECTRUM)


def rows(vectors: Vector) -> Vector:
    """Return the row jumps of vectors: …×180."""
    return vectors[..., _ROWS_AT:_WAVES_AT]


def waves(vectors: Vector) -> Vector:
    """Return the waves of vectors: …×2×80 of ln magnitude across and down the picture."""
    return vectors[..., _WAVES_AT:_COLOURS_AT].reshape(*vectors.shape[:-1], 2, WAVES // 2)


def colours(vectors: Vector) -> Vector:
    """Return the colours of vectors: …×3×8×12, mean Y, U, V per cell (U and V centred on 0)."""
    return vectors[..., _COLOURS_AT:].reshape(*vectors.shape[:-1], 3, CELLS[1], CELLS[0])


def measure_keyframe(frame: Keyframe) -> Measurement:
    """Decode and measure a keyframe. Raises ProtocolError if it does not decode."""
    cv2.setNumThreads(1)
    return measure_frame(decode_frame(frame, quick=True))


def yuv_planes(picture: av.VideoFrame) -> tuple[Plane, Plane, Plane, bool]:
    """Return Y, U, V at 4:2:0 and whether they have full range.

    Makes no copy if the decoder delivers this format. Raises ProtocolError for pictures smaller than 64 pixels.
    """
    if picture.format.name not in ("yuv420p", "yuvj420p"):
        picture = picture.reformat(format="yuv420p")
    made = []
    for plane in picture.planes[:3]:
        array: Plane = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
            : plane.height, : plane.width
        ]
        made.append(array)
    if min(made[0].shape) < 64:
        raise ProtocolError(
            f"a picture of {made[0].shape[1]}×{made[0].shape[0]} is too small for picture checks; "
            "the minimum is 64 pixels"
        )
    full = picture.format.name == "yuvj420p" or picture.color_range == 2
    return made[0], made[1], made[2], full


_FULL = np.clip((np.arange(256) - 16) * 255 / 219, 0, 255).round().astype(np.uint8)


def measure(y: Plane, u: Plane, v: Plane, *, full: bool = True, corrupt: bool = False) -> Measurement:
    """Measure a picture. `full`: luminance has the range 0…255, otherwise 16…235."""
    small = _full_range(_downscale(y), full)
    vector = np.zeros(SIZE, np.float32)
    shares = _histogram(small)
    histogram = np.cumsum(shares)
    mean, sd = (float(value[0, 0]) for value in cv2.meanStdDev(small))
    levels = {
        name: float(np.searchsorted(histogram, share)) for name, share in (("p2", 0.02), ("p50", 0.5), ("p98", 0.98))
    }
    energies = _bands(small)
    # The logarithm per cell, then the mean: on-screen text in two cells stays sharp behind any lens.
    whole = np.log(energies + ENERGY_FLOOR).mean((1, 2))
    figures = levels | {
        "mean": mean, "sd": sd, "saturated": 1.0 - float(histogram[249]), "dark": float(histogram[16]),
        "level": float(np.convolve(shares, np.ones(3), "same").max()),
        "f0": whole[0] - whole[3], "f1": whole[1] - whole[3], "f2": whole[2] - whole[3], "edge": _edge(small),
        "noise": _noise(y), "flat": _flat(small), "steps": _steps(y), "tiles": _tiles(y), "still": _still(small, u),
        "e0": whole[0], "e1": whole[1], "e2": whole[2], "e3": whole[3],
    }  # fmt: skip
    figures |= _colour(u, v)
    for name, value in figures.items():
        vector[INDEX[name]] = value
    vector[_CELLS_AT:_SPECTRUM_AT] = np.log(energies + ENERGY_FLOOR).ravel()
    vector[_SPECTRUM_AT:_ROWS_AT] = _spectrum(small).ravel()
    vector[_ROWS_AT:_WAVES_AT] = _row_jumps(small)
    vector[_WAVES_AT:_COLOURS_AT] = np.concatenate([_waves(small, 0), _waves(small, 1)])
    means = [cv2.resize(plane, CELLS, interpolation=cv2.INTER_AREA).astype(np.float32) for plane in (small, u, v)]
    vector[_COLOURS_AT:] = np.stack([means[0], means[1] - 128, means[2] - 128]).ravel()
    return Measurement(vector, _thumb(small), corrupt, (y.shape[1], y.shape[0]))


def plane(thumb: bytes) -> Plane:
    """Return a stored thumbnail as a plane of 90×160."""
    return np.frombuffer(thumb, np.uint8).reshape(THUMB[1], THUMB[0])


def thumb(picture: av.VideoFrame) -> Plane:
    """Return only the luminance thumbnail (90×160) of a decoded picture."""
    y, _, _, full = yuv_planes(picture)
    return _thumb(_full_range(_downscale(y), full))


def _thumb(small: Plane) -> Plane:
    return np.asarray(cv2.resize(small, THUMB, interpolation=cv2.INTER_AREA), np.uint8)


def _full_range(level: Plane, full: bool) -> Plane:
    return level if full else np.asarray(cv2.LUT(level, _FULL), np.uint8)


def _downscale(y: Plane) -> Plane:
    if y.shape[1] >= 2 * WIDTH:  # halving is four times as fast as other scales and removes aliasing
        half = cv2.resize(y, (y.shape[1] // 2, y.shape[0] // 2), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(half, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.asarray(cv2.resize(y, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _histogram(level: Plane) -> Vector:
    """Return the share of pixels at each of 256 levels."""
    return np.asarray(cv2.calcHist([level], [0], None, [256], [0, 256]).ravel() / level.size, np.float32)


def _level_at(level: Plane, share: float) -> float:
    return float(np.searchsorted(np.cumsum(_histogram(level)), share))


def _bands(small: Plane) -> Vector:
    """Return the energies of four octave bands in 8×12 cells, BANDS×8×12."""
    level = small.astype(np.float32)
    found = np.empty((BANDS, CELLS[1], CELLS[0]), np.float32)
    for i in range(BANDS):
        lower = cv2.pyrDown(level)
        band = level - cv2.pyrUp(lower, dstsize=(level.shape[1], level.shape[0]))
        found[i] = cv2.resize(cv2.multiply(band, band), CELLS, interpolation=cv2.INTER_AREA)
        level = np.asarray(lower, np.float32)
    return found


def _edge(small: Plane) -> float:
    """Return ln of the strongest gradients over 1 pixel against those over 4 pixels: defocus lowers it first.

    Leaves out the top and bottom rows, which hold on-screen text.
    """
    inner = small[HEIGHT // 8 : HEIGHT * 7 // 8]
    coarse = cv2.resize(inner, (WIDTH // 4, inner.shape[0] // 4), interpolation=cv2.INTER_AREA)
    fine = cv2.absdiff(inner[::2, 1::2], inner[::2, :-1:2])
    middle = cv2.absdiff(coarse[:, 1:], coarse[:, :-1])
    high_fine, high_middle = (_level_at(np.asarray(d, np.uint8), 0.99) for d in (fine, middle))
    return float(np.log((high_fine + 1.0) / (high_middle + 1.0)))


def _noise(y: Plane) -> float:
    """Return the standard deviation of the noise in grey levels.

    Measured on the quiet quarter of nine crops in native size with Immerkaer's kernel.
    """
    side = min(96, min(y.shape) // 3 // 16 * 16)
    strengths = []
    for fy in (0.2, 0.5, 0.8):
        for fx in (0.2, 0.5, 0.8):
            top, left = int(fy * y.shape[0]) - side // 2, int(fx * y.shape[1]) - side // 2
            crop = y[max(0, top) : max(0, top) + side, max(0, left) : max(0, left) + side]
            response = np.abs(cv2.filter2D(crop, cv2.CV_32F, _NOISE_KERNEL))[1:-1, 1:-1]
            strengths.append(cv2.resize(response, (side // 16, side // 16), interpolation=cv2.INTER_AREA).ravel())
    return float(np.percentile(np.concatenate(strengths), 25) * np.sqrt(np.pi / 2) / 6)


def _colour(u: Plane, v: Plane) -> dict[str, float]:
    step = max(1, u.shape[1] // 160)
    pair = [p[::step, ::step].astype(np.float32) - 128 for p in (u, v)]
    return {
        "u": float(np.median(pair[0])),
        "v": float(np.median(pair[1])),
        "chroma": float(np.mean(np.hypot(pair[0], pair[1]))),
    }


def _flat(small: Plane) -> float:
    """Return the share of 8×8 blocks without any structure."""
    box = np.ones((8, 8), np.uint8)
    span = cv2.subtract(cv2.dilate(small, box), cv2.erode(small, box))
    return float(np.mean(span[4::8, 4::8] <= 1))


def _wide_jumps(level: Plane) -> Vector:
    """Return row-to-row jumps that most of the width shares: the third smallest of eight sections.

    The slats of a lorry do not span most of the width.
    """
    jumps = cv2.resize(cv2.absdiff(level[1:], level[:-1]), (8, level.shape[0] - 1), interpolation=cv2.INTER_AREA)
    return np.asarray(np.partition(jumps, 2, axis=1)[:, 2], np.float32)


def _still(small: Plane, u: Plane) -> float:
    """Return the share of the height of the largest block of rows that repeat the row above.

    Decoders fill missing rows with grey, with green (all planes zero) or with the last row received. A smooth cover or
    sky is excluded: it has no structure across either.
    """
    jumps = cv2.resize(cv2.absdiff(small[1:], small[:-1]), (8, HEIGHT - 1), interpolation=cv2.INTER_AREA)
    alike = np.partition(jumps, 6, axis=1)[:, 6] == 0
    across = cv2.reduce(cv2.absdiff(small[1:, 1:], small[1:, :-1]), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    level = cv2.reduce(small[1:], 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    tint = cv2.resize(u, (1, HEIGHT), interpolation=cv2.INTER_AREA).ravel()[1:]
    filled = (across > 1.0) & (level < 245) | (np.abs(level - 128) < 4) & (across < 0.1) | (tint < 24)
    ends = np.flatnonzero(np.concatenate([[True], ~(alike & filled), [True]]))
    return float(np.diff(ends).max() - 1) / HEIGHT


def _steps(y: Plane) -> float:
    """Count torn rows, in native size: rows whose content does not continue that of the row above."""
    jumps = _wide_jumps(np.ascontiguousarray(y[:, :: max(1, y.shape[1] // 320)]))
    around = cv2.medianBlur(jumps[:, None], 5)[:, 0]
    return float(np.sum(jumps > 3 * around + 4))


def _tiles(y: Plane) -> float:
    """Count block artefacts: edges of the encoder's 16-pixel blocks that are sharp along a block and isolated."""
    # A quarter of each block's lines suffices: a border is as sharp in them.
    return float(_sharp_borders(y[::BLOCK_LINE_STEP]) + _sharp_borders(np.ascontiguousarray(y[:, ::BLOCK_LINE_STEP].T)))


def _sharp_borders(y: Plane) -> int:
    columns, tall = y.shape[1] // 16 - 1, y.shape[0] * BLOCK_LINE_STEP // 16

    def jumps(offset: int) -> Vector:
        left, right = y[:, 15 + offset : 16 * columns + offset : 16], y[:, 16 + offset : 16 * columns + 1 + offset : 16]
        return np.asarray(
            cv2.resize(cv2.absdiff(right, left), (columns, tall), interpolation=cv2.INTER_AREA), np.float32
        )

    beside = np.maximum(jumps(-3), jumps(3))
    sharp = np.pad(jumps(0) > 3.0 * beside + 8.0, ((1, 1), (0, 0)))
    # A long straight line is an edge of the scene: only its ends count.
    return int(np.sum(sharp[1:-1] & ~(sharp[:-2] & sharp[2:])))


def _spectrum(small: Plane) -> Vector:
    """Return how far waves exceed the spectrum around them, ln.

    Uses the spectrum that most of ten tiles share; returns the maximum of each 4×4 bins. A band runs through the whole
    picture; a shutter or the slats of a lorry cover a part of it.
    """
    logs = np.empty((len(_TILES), TILE, TILE // 2), np.float32)
    for i, (top, left) in enumerate(_TILES):
        crop = small[top : top + TILE, left : left + TILE].astype(np.float32)
        made = cv2.dft((crop - cv2.mean(crop)[0]) * _HANN, flags=cv2.DFT_COMPLEX_OUTPUT)[:, : TILE // 2]
        logs[i] = cv2.log(cv2.magnitude(made[..., 0], made[..., 1]) + 32.0)
    shared = np.partition(logs, SHARED_TILES - 1, axis=0)[:SHARED_TILES].mean(0)
    isolated = shared - cv2.medianBlur(shared, 5)
    return np.asarray(isolated.reshape(SPECTRUM[0], 4, SPECTRUM[1], 4).max((1, 3)), np.float32)


def _waves(small: Plane, axis: int) -> Vector:
    """Return the ln magnitude spectrum of the mean profile across (0) or down (1).

    Averaging weakens the scene and keeps bands.
    """
    profile = cv2.reduce(small, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    bare = (profile - cv2.blur(profile[None], (31, 1))[0]) * np.hanning(len(profile))
    size = np.abs(np.fft.rfft(bare))[: WAVES * (2 if axis == 0 else 1)]
    return np.asarray(np.log(size.reshape(WAVES // 2, -1).max(1) / np.sqrt(len(profile)) + 0.3), np.float32)


def _row_jumps(small: Plane) -> Vector:
    """Return the mean row-to-row jump of pairs of rows: horizontal edges of the scene, and tears, which are none."""
    jumps = np.append(_wide_jumps(small), 0.0)
    return np.asarray(jumps.reshape(ROWS, 2).max(1), np.float32)


def measure_frame(picture: av.VideoFrame) -> Measurement:
    """Measure a decoded picture."""
    y, u, v, full = yuv_planes(picture)
    return measure(y, u, v, full=full, corrupt=bool(picture.is_corrupt))
