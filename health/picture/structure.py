"""Loss of structure per cell: blur, occlusion, haze.

Cells are judged by the energies of four octave bands (ln). Defocus removes the fine bands and keeps the coarse ones; an
occlusion removes all bands where it is; haze on the glass lowers all bands by the same share everywhere; fog lowers
distant parts more than near ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from health.picture import displacement, measurement
from health.picture.comparison import Comparison

Mask = npt.NDArray[np.bool_]
STRONG = 1.5  # ln energy of the third band above which the sharpness of a cell can be judged
SOME = 0.3  # the same for the median of the history: structure that could be occluded
EDGES = 3  # inspections in which the cell had structure
HARDER = 0.35  # ln of the coarse band above which light is harder than before
FALLEN = 0.7  # ln below the minimum of the cell's history


@dataclass(frozen=True, slots=True)
class SharpnessLoss:
    """Loss of sharpness among the `cells` that contain structure.

    `share`: share of them that is less sharp than ever before; `where`: their map (8×12); `lost`: ln by which all of
    them together lie below every earlier inspection; `coarse`: ln change of the coarse band; `harder`: the coarse band
    is stronger than ever, as in the first clear sun for days; `everywhere`: no third of the picture is spared; `dull`:
    the cells of `where`, and those that lost both fine bands and kept the coarse one, as behind a drop or a smear.
    """

    share: float
    cells: int
    lost: float
    coarse: float
    harder: bool
    everywhere: bool
    where: Mask
    dull: Mask


def largest_patch(mask: Mask) -> Mask:
    """Return the largest 4-connected component of a mask; empty if the mask is empty."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), bool)


def unsharp(c: Comparison, margin: float = 0.25) -> SharpnessLoss:
    """Compare the fine bands with the third. Noise may fill the finest band, so the second one decides."""
    mine, theirs = c.mine, c.theirs
    # Compares edges with edges only: a shadow on a formerly empty cell tells nothing about its sharpness.
    there = theirs[:, 2] > STRONG - 0.5
    strong = (mine[2] > STRONG) & (there.sum(0) >= EDGES)
    second, seconds = mine[1] - mine[2], theirs[:, 1] - theirs[:, 2]
    finest, least_finest = mine[0] - mine[2], np.where(there, theirs[:, 0] - theirs[:, 2], np.inf).min(0)
    lost = strong & (second < np.where(there, seconds, np.inf).min(0) - margin) & (finest < least_finest + 0.3)
    usual = np.median(seconds, 0)
    together = 0.0
    if strong.any():
        together = float((second - usual)[strong].mean() - (seconds - usual)[:, strong].mean(1).min())
    structured = c.usual_cells[2] > SOME
    coarse, harder = 0.0, False
    if structured.any():
        coarse = float(np.median((mine[3] - c.usual_cells[3])[structured]))
        harder = coarse > max(HARDER, float(np.median((theirs[:, 3] - c.usual_cells[3])[:, structured], 1).max()))
    share = float(lost.sum() / max(1, strong.sum()))
    least, kept = theirs.min(0), (c.usual_cells[2] > STRONG) & (mine[3] > theirs[:, 3].min(0) - 0.5)
    # In harder light than before, edges of shadows look soft: count only cells that lost energy.
    dull = (lost & (not harder)) | (kept & (mine[1] < least[1] - 0.6) & (mine[2] < c.usual_cells[2] - 0.3))
    # Bare ground has little structure: its grain disappears relative to the rest, while light and shade remain.
    dimmer = min(0.0, float(np.median(mine[1] - c.usual_cells[1])))
    grain = (mine[1] - dimmer < least[1] - 0.5) & (mine[0] - dimmer < least[0] - 0.3)
    dull |= grain & (mine[3] > least[3] - 0.7)
    return SharpnessLoss(share, int(strong.sum()), together, coarse, harder, _spread(lost, strong, share), lost, dull)


def _spread(lost: Mask, strong: Mask, share: float) -> bool:
    """Return whether all thirds of the picture, across and down, are hit, as far as they contain structure."""
    thirds = zip(measurement.thirds(lost), measurement.thirds(strong), strict=True)
    return all(hit.sum() > 0.3 * share * there.sum() for hit, there in thirds if there.sum() >= 6)


SPARED_LOSS = -0.4  # ln, median change of the second band outside the patch
EVERYWHERE, SPARED = 0.6, 0.25  # shares of all cells and of the cells of a third
# distance outside the cell's history: colour (U, V), brightness; minimum share of the unchanged rest
COLOUR, LEVEL, REST = 6.0, 18.0, 0.2


@dataclass(frozen=True, slots=True)
class Occlusion:
    """Occlusion of the picture; sizes are shares of the picture unless stated.

    `lost`: share of the structured cells that lost their structure; `patch`: their largest connected patch; `fallen`:
    mean ln by which structure fell; `faded`: mean ln change of the second band over all cells; `foreign`: largest patch
    of cells with little structure and a colour or brightness they never had; `replaced`: largest patch of cells that
    show something new; `smooth`: largest patch of cells that lost their grain while the others kept it; `unlike`: the
    picture shows another scene; `where`: map (8×12); `testable`: there is enough structure to lose.
    """

    lost: float
    patch: float
    fallen: float
    faded: float
    foreign: float
    replaced: float
    smooth: float
    unlike: bool
    where: Mask
    testable: bool


def cover(c: Comparison) -> Occlusion:
    """Measure occlusion against the history."""
    usual, least = c.usual_cells, c.theirs.min(0)
    structured = usual[2] > SOME
    gone = structured & (c.mine[2] < least[2] - FALLEN) & (c.mine[1] < least[1] + 0.3)
    lost = float(gone.sum() / max(1, structured.sum()))
    # Uses the mean: lamps and shadows emptied single cells before, but never all at the same time.
    fallen = float(np.mean((usual[2] - c.mine[2])[structured])) if structured.any() else 0.0
    patch, foreign, replaced = largest_patch(gone), largest_patch(_foreign(c)), largest_patch(_replaced(c))
    return Occlusion(
        lost,
        float(patch.mean()),
        fallen,
        float(np.mean(c.mine[1] - usual[1])),
        float(foreign.mean()),
        float(replaced.mean()),
        _smooth(c),
        c.alike < min(0.45, 0.7 * c.usual_likeness),
        gone | foreign | replaced,
        bool(structured.mean() >= 0.1),
    )


def _replaced(c: Comparison) -> Mask:
    """Return cells that were similar in all reference pictures and resemble none of them now."""
    if c.alike > displacement.ALIKE or len(c.scenes) < 3:
        return np.zeros(c.mine.shape[1:], bool)
    with_others = [
        np.max([displacement.by_cell(a, b) for k, b in enumerate(c.scenes) if k != i], 0)
        for i, a in enumerate(c.scenes)
    ]
    now = np.max([displacement.by_cell(c.edges, e) for e in c.scenes], 0)
    return np.asarray((np.min(with_others, 0) > 0.55) & (now < 0.3) & (c.mine[2] > SOME), bool)


def _smooth(c: Comparison) -> float:
    """Return the share of the picture of the largest patch that lost its grain while the rest kept it."""
    grainless = (c.mine[1] < c.theirs[:, 1].min(0) - 0.6) & (c.mine[0] < c.theirs[:, 0].min(0) - 0.3)
    rest = (c.mine[1] - c.usual_cells[1])[~grainless]
    return float(largest_patch(grainless).mean()) if rest.size and np.median(rest) > SPARED_LOSS else 0.0


def _foreign(c: Comparison) -> Mask:
    """Return cells of little structure whose colour or brightness alone lies outside their history."""
    mine, theirs = measurement.colours(c.sight.vector), measurement.colours(c.near)
    lit = mine[0] - np.median(mine[0]), theirs[:, 0] - np.median(theirs[:, 0], axis=(1, 2), keepdims=True)
    odd = _outside(*lit) > LEVEL
    if tinted(c) < EVERYWHERE and c.sight["chroma"] > 0.6 * c.usual("chroma"):
        plain = np.hypot(_outside(mine[1], theirs[:, 1]), _outside(mine[2], theirs[:, 2]))
        # The reference is the rest of the picture, even if it is the smaller part.
        rest = plain < COLOUR / 3
        rest = rest if rest.mean() > REST else np.ones_like(rest)
        tint = [
            _outside(
                mine[k] - np.median(mine[k][rest]),
                theirs[:, k] - np.median(theirs[:, k][:, rest], axis=1)[:, None, None],
            )
            for k in (1, 2)
        ]
        odd |= (plain > COLOUR) & (np.hypot(*tint) > COLOUR / 2)
    return np.asarray(odd & (c.mine[1] < np.maximum(c.usual_cells[1], 0.0) + 0.3), bool)


def _outside(mine: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the distance of each cell's value outside the range of its history."""
    return np.asarray(np.maximum(0, mine - theirs.max(0)) + np.maximum(0, theirs.min(0) - mine))


def tinted(c: Comparison) -> float:
    """Return the share of cells whose colour lies outside their history, in the direction of the overall change.

    0 if a third of the picture is spared: then a coloured object is in view.
    """
    mine, theirs = measurement.colours(c.sight.vector), measurement.colours(c.near)
    share = 0.0
    for k in (1, 2):
        way = np.sign(np.median(mine[k] - np.median(theirs[:, k], 0)))
        hit = np.asarray((mine[k] - (theirs[:, k] * way).max(0) * way) * way > 1.5, bool)
        if min(float(third.mean()) for third in measurement.thirds(hit)) > SPARED:
            share = max(share, float(np.mean(hit)))
    return share


@dataclass(frozen=True, slots=True)
class Haze:
    """Loss of contrast in the coarse bands, which defocus keeps: ln, median over the cells.

    `all`: of all cells; `far`: upper third; `near`: lower third; `least`: 70th percentile of all cells. `told`: there
    is enough structure to compare far with near.
    """

    all: float
    far: float
    near: float
    least: float
    told: bool

    @property
    def even(self) -> bool:
        """Whether near parts lose at least 0.55 of what far parts lose: the haze is on the glass, not in the air."""
        return self.near < 0.55 * self.far


def haze(c: Comparison) -> Haze:
    """Measure haze against both sets of the history; the smaller loss counts."""
    mine = c.mine[2:].mean(0)
    losses = []
    for looks in c.sets:
        usual = np.median(_middle(c, looks), 0)
        losses.append(np.where(usual > SOME, mine - usual, np.nan))
    loss = np.fmax(*losses)
    third = loss.shape[0] // 3
    return Haze(
        _median(loss), _median(loss[: third + 1]), _median(loss[-third - 1 :]), _median(loss, 70),
        bool(np.mean(c.usual_cells[2] > STRONG) > 0.4),
    )  # fmt: skip


def _middle(c: Comparison, looks: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return np.asarray(measurement.cells(c.past.vectors[looks])[:, 2:].mean(1), np.float32)


def _median(values: npt.NDArray[Any], percent: float = 50) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else 0.0


@dataclass(frozen=True, slots=True)
class StructureLoss:
    """Loss of structure by sharpness, occlusion and haze."""

    unsharp: SharpnessLoss
    cover: Occlusion
    haze: Haze


def of(c: Comparison) -> StructureLoss:
    """Measure the loss of structure of a picture against the camera's history."""
    return StructureLoss(unsharp(c), cover(c), haze(c))
