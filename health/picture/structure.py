"""Loss of structure per cell: blur, occlusion, haze.

Cells are judged by the energies of four octave bands (ln). Defocus removes the fine bands and keeps the coarse ones; an
occlusion removes all bands where it is; haze on the glass lowers all bands by the same share everywhere; fog lowers
distant parts more than near ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from health.picture import displacement, measurement
from health.picture.comparison import Comparison
from health.picture.measurement import Floats

Mask = npt.NDArray[np.bool_]
MIN_SHARP_ENERGY = 1.5  # ln energy of the third band above which the sharpness of a cell can be judged
MIN_STRUCTURE_ENERGY = 0.3  # the same for the median of the history: structure that could be occluded
MIN_EDGE_INSPECTIONS = 3  # inspections in which the cell had structure
HARDER_LIGHT_LN = 0.35  # ln of the coarse band above which light is harder than before
MIN_FALL_LN = 0.7  # ln below the minimum of the cell's history


@dataclass(frozen=True, slots=True)
class SharpnessLoss:
    """Loss of sharpness among the `cells` that contain structure.

    `share`: share of them that is less sharp than ever before; `where`: their map (8×12); `sharpness_drop`: ln by which
    all of them together lie below every earlier inspection; `coarse`: ln change of the coarse band; `harder_light`: the
    coarse band is stronger than ever, as in the first clear sun for days; `everywhere`: no third of the picture is
    spared; `degraded`: the cells of `where`, and those that lost both fine bands and kept the coarse one, as behind a
    drop or a smear.
    """

    share: float
    cells: int
    sharpness_drop: float
    coarse: float
    harder_light: bool
    everywhere: bool
    where: Mask
    degraded: Mask


def largest_patch(mask: Mask) -> Mask:
    """Return the largest 4-connected component of a mask; empty if the mask is empty."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), bool)


def sharpness_loss(c: Comparison, margin: float = 0.25) -> SharpnessLoss:
    """Compare the fine bands with the third. Noise may fill the finest band, so the second one decides."""
    now, history = c.cells, c.history_cells
    # Compares edges with edges only: a shadow on a formerly empty cell tells nothing about its sharpness.
    there = history[:, 2] > MIN_SHARP_ENERGY - 0.5
    strong = (now[2] > MIN_SHARP_ENERGY) & (there.sum(0) >= MIN_EDGE_INSPECTIONS)
    second, seconds = now[1] - now[2], history[:, 1] - history[:, 2]
    finest, least_finest = now[0] - now[2], np.where(there, history[:, 0] - history[:, 2], np.inf).min(0)
    lost = strong & (second < np.where(there, seconds, np.inf).min(0) - margin) & (finest < least_finest + 0.3)
    usual = np.median(seconds, 0)
    sharpness_drop = 0.0
    if strong.any():
        sharpness_drop = float((second - usual)[strong].mean() - (seconds - usual)[:, strong].mean(1).min())
    structured = c.usual_cells[2] > MIN_STRUCTURE_ENERGY
    coarse, harder_light = 0.0, False
    if structured.any():
        coarse = float(np.median((now[3] - c.usual_cells[3])[structured]))
        harder_light = coarse > max(
            HARDER_LIGHT_LN, float(np.median((history[:, 3] - c.usual_cells[3])[:, structured], 1).max())
        )
    share = float(lost.sum() / max(1, strong.sum()))
    least, kept = history.min(0), (c.usual_cells[2] > MIN_SHARP_ENERGY) & (now[3] > history[:, 3].min(0) - 0.5)
    # In harder light than before, edges of shadows look soft: count only cells that lost energy.
    degraded = (lost & (not harder_light)) | (kept & (now[1] < least[1] - 0.6) & (now[2] < c.usual_cells[2] - 0.3))
    # Bare ground has little structure: its grain disappears relative to the rest, while light and shade remain.
    dimmer = min(0.0, float(np.median(now[1] - c.usual_cells[1])))
    grain = (now[1] - dimmer < least[1] - 0.5) & (now[0] - dimmer < least[0] - 0.3)
    degraded |= grain & (now[3] > least[3] - 0.7)
    return SharpnessLoss(
        share, int(strong.sum()), sharpness_drop, coarse, harder_light, _spread(lost, strong, share), lost, degraded
    )


def _spread(lost: Mask, strong: Mask, share: float) -> bool:
    """Return whether all thirds of the picture, across and down, are hit, as far as they contain structure."""
    thirds = zip(measurement.thirds(lost), measurement.thirds(strong), strict=True)
    return all(hit.sum() > 0.3 * share * there.sum() for hit, there in thirds if there.sum() >= 6)


MAX_UNCHANGED_LOSS_LN = -0.4  # median change of the second band outside the patch
MIN_TINTED_SHARE = 0.6  # of all cells
MIN_TINTED_THIRD_SHARE = 0.25  # of the cells of each third
MIN_FOREIGN_COLOUR = 6.0  # distance outside the cell's history in U and V, levels
MIN_FOREIGN_BRIGHTNESS = 18.0  # the same for the brightness, grey levels
MIN_UNCHANGED_SHARE = 0.2  # of the cells; below it all cells are the reference
ENERGY_PER_BRIGHTNESS = 2.0  # ln energy explained by ln brightness
MAX_SOFTER_LN = 0.5  # a cell that is less sharp by this than usual is not sharp
MAX_NEW_CORRELATION = 0.3  # edge correlation with the reference pictures of a cell that shows something new
MAX_UNLIT_LEVEL = 60.0  # grey levels; a cell that is darker …
MAX_UNLIT_SHARE = 0.6  # … and has only this share of its usual brightness has lost its lamp


@dataclass(frozen=True, slots=True)
class Occlusion:
    """Occlusion of the picture; sizes are shares of the picture unless stated.

    `lost`: share of the structured cells that lost their structure; `patch`: their largest connected patch; `fallen`:
    mean ln by which structure fell; `faded`: mean ln change of the second band over all cells; `foreign`: largest patch
    of cells with little structure and a colour or brightness they never had; `replaced`: largest patch of cells that
    show something new; `smooth`: largest patch of cells that lost their grain while the others kept it; `unlit`:
    largest patch of cells that changed because a lamp is off: whether they are occluded cannot be seen; `new_detail`:
    cells with sharp structure that no reference picture has there, which an object before the lens lacks, as a multiple
    of the number of cells that usually have structure;
    `unlike`: the picture shows another scene; `where`: map (8×12); `testable`: there is enough structure to lose.
    """

    lost: float
    patch: float
    fallen: float
    faded: float
    foreign: float
    replaced: float
    smooth: float
    unlit: float
    new_detail: float
    unlike: bool
    where: Mask
    testable: bool


def occlusion(c: Comparison) -> Occlusion:
    """Measure occlusion against the history."""
    usual, least = c.usual_cells, c.history_cells.min(0)
    structured = usual[2] > MIN_STRUCTURE_ENERGY
    cast = tinted(c) >= MIN_TINTED_SHARE
    strong_cast = cast and c.measurement["chroma"] > c.hour_median("chroma")
    dim = _dimming(c) if strong_cast else 0.0
    gone = structured & (c.cells[2] < least[2] - MIN_FALL_LN - dim) & (c.cells[1] < least[1] + 0.3)
    dark, strange = _unlit(c), _foreign(c, cast=cast, strong_cast=strong_cast)
    unlit = (gone | strange) & dark
    gone, strange = gone & ~dark, strange & ~dark
    lost = float(gone.sum() / max(1, structured.sum()))
    # Uses the mean: lamps and shadows emptied single cells before, but never all at the same time.
    fallen = float(np.mean((usual[2] - c.cells[2])[structured])) if structured.any() else 0.0
    patch, foreign, replaced = largest_patch(gone), largest_patch(strange), largest_patch(_replaced(c))
    return Occlusion(
        lost,
        float(patch.mean()),
        fallen,
        float(np.mean(c.cells[1] - usual[1])),
        float(foreign.mean()),
        float(replaced.mean()),
        _smooth(c),
        float(largest_patch(unlit).mean()),
        _new_detail(c),
        c.similarity < min(0.45, 0.7 * c.usual_similarity),
        gone | foreign | replaced,
        bool(structured.mean() >= 0.1),
    )


def _dimming(c: Comparison) -> float:
    """Return the ln energy that a strong cast takes with the light of one or two colours."""
    ratio = max(1.0, c.hour_median("mean")) / max(1.0, c.measurement["mean"])
    return ENERGY_PER_BRIGHTNESS * max(0.0, float(np.log(ratio)))


def _new_detail(c: Comparison) -> float:
    if not c.scenes:
        return 0.0
    usual_sharpness = np.median(c.history_cells[:, 1] - c.history_cells[:, 2], 0)
    sharp = (c.cells[2] > MIN_SHARP_ENERGY) & (c.cells[1] - c.cells[2] > usual_sharpness - MAX_SOFTER_LN)
    structured = max(1, int((c.usual_cells[2] > MIN_STRUCTURE_ENERGY).sum()))
    return float((sharp & (c.known_by_cell < MAX_NEW_CORRELATION)).sum() / structured)


def _unlit(c: Comparison) -> Mask:
    """Return cells that lack their usual light, at an hour at which only lamps give light."""
    now = measurement.colours(c.measurement.vector)[0]
    if not c.is_dark_hour:
        return np.zeros(now.shape, bool)
    usual = np.median(measurement.colours(c.history.vectors[c.sets[0]])[:, 0], 0)
    return np.asarray((now < MAX_UNLIT_LEVEL) & (now < MAX_UNLIT_SHARE * usual), bool)


def _replaced(c: Comparison) -> Mask:
    """Return cells that were similar in all reference pictures and resemble none of them now."""
    if c.similarity > displacement.SAME_CORRELATION or len(c.scenes) < 3:
        return np.zeros(c.cells.shape[1:], bool)
    with_others = [
        np.max([displacement.correlation_by_cell(a, b) for k, b in enumerate(c.scenes) if k != i], 0)
        for i, a in enumerate(c.scenes)
    ]
    other = (np.min(with_others, 0) > 0.55) & (c.known_by_cell < MAX_NEW_CORRELATION)
    return np.asarray(other & (c.cells[2] > MIN_STRUCTURE_ENERGY), bool)


def _smooth(c: Comparison) -> float:
    """Return the share of the picture of the largest patch that lost its grain while the rest kept it."""
    grainless = (c.cells[1] < c.history_cells[:, 1].min(0) - 0.6) & (c.cells[0] < c.history_cells[:, 0].min(0) - 0.3)
    rest = (c.cells[1] - c.usual_cells[1])[~grainless]
    return float(largest_patch(grainless).mean()) if rest.size and np.median(rest) > MAX_UNCHANGED_LOSS_LN else 0.0


def _foreign(c: Comparison, *, cast: bool, strong_cast: bool) -> Mask:
    """Return cells of little structure whose colour or brightness alone lies outside their history."""
    now, history = measurement.colours(c.measurement.vector), measurement.colours(c.compared)
    lit = now[0] - np.median(now[0]), history[:, 0] - np.median(history[:, 0], axis=(1, 2), keepdims=True)
    odd = _outside(*lit) > MIN_FOREIGN_BRIGHTNESS
    if strong_cast:
        odd[:] = False  # a strong cast changes the brightness of each cell by its colour
    if not cast and c.measurement["chroma"] > 0.6 * c.hour_median("chroma"):
        plain = np.hypot(_outside(now[1], history[:, 1]), _outside(now[2], history[:, 2]))
        # The reference is the rest of the picture, even if it is the smaller part.
        rest = plain < MIN_FOREIGN_COLOUR / 3
        rest = rest if rest.mean() > MIN_UNCHANGED_SHARE else np.ones_like(rest)
        tint = [
            _outside(
                now[k] - np.median(now[k][rest]),
                history[:, k] - np.median(history[:, k][:, rest], axis=1)[:, None, None],
            )
            for k in (1, 2)
        ]
        odd |= (plain > MIN_FOREIGN_COLOUR) & (np.hypot(*tint) > MIN_FOREIGN_COLOUR / 2)
    return np.asarray(odd & (c.cells[1] < np.maximum(c.usual_cells[1], 0.0) + 0.3), bool)


def _outside(now: Floats, history: Floats) -> Floats:
    """Return the distance of each cell's value outside the range of its history."""
    return np.asarray(np.maximum(0, now - history.max(0)) + np.maximum(0, history.min(0) - now))


def tinted(c: Comparison) -> float:
    """Return the share of cells whose colour lies outside their history, in the direction of the overall change.

    0 if a third of the picture is spared: then a coloured object is in view.
    """
    now, history = measurement.colours(c.measurement.vector), measurement.colours(c.compared)
    share = 0.0
    for k in (1, 2):
        way = np.sign(np.median(now[k] - np.median(history[:, k], 0)))
        hit = np.asarray((now[k] - (history[:, k] * way).max(0) * way) * way > 1.5, bool)
        if min(float(third.mean()) for third in measurement.thirds(hit)) > MIN_TINTED_THIRD_SHARE:
            share = max(share, float(np.mean(hit)))
    return share


@dataclass(frozen=True, slots=True)
class ContrastLoss:
    """Loss of contrast in the coarse bands, which defocus keeps: ln, median over the cells.

    `all`: of all cells; `far`: upper third; `near`: lower third; `least`: 70th percentile of all cells. `comparable`:
    there is enough structure to compare far with near.
    """

    all: float
    far: float
    near: float
    least: float
    comparable: bool

    @property
    def even(self) -> bool:
        """Whether near parts lose at least 0.55 of what far parts lose: the haze is on the glass, not in the air."""
        return self.near < 0.55 * self.far


def contrast_loss(c: Comparison) -> ContrastLoss:
    """Measure haze against both sets of the history; the smaller loss counts."""
    now = c.cells[2:].mean(0)
    losses = []
    for selected in c.sets:
        usual = np.median(_coarse_energy(c, selected), 0)
        losses.append(np.where(usual > MIN_STRUCTURE_ENERGY, now - usual, np.nan))
    loss = np.fmax(*losses)
    third = loss.shape[0] // 3
    return ContrastLoss(
        _median(loss), _median(loss[: third + 1]), _median(loss[-third - 1 :]), _median(loss, 70),
        bool(np.mean(c.usual_cells[2] > MIN_SHARP_ENERGY) > 0.4),
    )  # fmt: skip


def _coarse_energy(c: Comparison, selected: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    return np.asarray(measurement.cells(c.history.vectors[selected])[:, 2:].mean(1), np.float32)


def _median(values: Floats, percent: float = 50) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else 0.0
