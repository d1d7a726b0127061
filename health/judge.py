"""One look against a camera's own accepted looks: which picture faults does it show?

A look is compared with two sets of the camera's past: those of the same hour of the day, and those most alike in
brightness. What is a fault must be out of the ordinary against both: the first knows the lamp that comes on at six,
the second the thunderstorm at noon. Thresholds and where they come from: docs/health.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from health import measure
from health.measure import INDEX, Plane, Sight, Vector

HOURS = 1.5
NEAREST = 12
ENOUGH = 5  # references of a set, below which it says nothing
LEARNING = 24  # accepted looks, below which only what needs no past is judged
EASE = 0.7
SAME = 0.35  # correlation of edges
MANY = 60.0  # borders of blocks that no scene has
UNTURNED = 0.4  # response of the whole picture, above which its halves need not be asked
TRUSTED = 0.06  # response of the phase correlation
MOVED = 0.015  # of the width; clean pictures reach 0.7 %
COMPARED = 6  # reference pictures, the nearest in brightness
SCENES = 3  # most similar reference pictures whose edges are compared

# What a measurement wavers by on a good camera although its past did not show it.
FLOORS = {
    "p2": 4.0, "p50": 6.0, "p98": 6.0, "mean": 5.0, "sd": 2.5, "saturated": 0.02, "dark": 0.03, "f0": 0.15, "f1": 0.12,
    "f2": 0.12, "edge": 0.12, "noise": 0.35, "u": 1.2, "v": 1.2, "chroma": 0.5, "flat": 0.02, "level": 0.05, "e0": 0.2, "e1": 0.2,
    "e2": 0.2, "e3": 0.2, "steps": 1.0, "tiles": 3.0,
}  # fmt: skip
_FLOOR = np.array([FLOORS[name] for name in measure.SCALARS], np.float32)


@dataclass(slots=True)
class Past:
    """Accepted looks of one camera and scene: N vectors, local hours of the day (0…24), and reference pictures."""

    vectors: npt.NDArray[np.float32]
    hours: npt.NDArray[np.float32]
    scenes: Sequence[Plane] = ()


@dataclass(slots=True)
class Verdict:
    """`found`: family → figures that speak for it; `untestable`: families about which this look says nothing.
    `cells`: 8×12 map of where (0…1), for the families that have a place."""

    found: dict[str, dict[str, float]] = field(default_factory=dict)
    untestable: set[str] = field(default_factory=set)
    cells: npt.NDArray[np.float32] | None = None
    learning: bool = False


FAMILIES = (
    "no_signal", "black", "overexposed", "underexposed", "veil", "blurred", "blurred_part", "cast", "monochrome", "noise",
    "stripes", "mosaic", "covered", "covered_part", "moved",
)  # fmt: skip
# Families that need the camera's own past.
_OF_THE_PAST = frozenset(FAMILIES) - {"no_signal", "black"}


class Compared:
    """A look beside the two sets of its past."""

    def __init__(self, sight: Sight, past: Past, hour: float, eased: frozenset[str]):
        self.sight, self.past, self.eased = sight, past, eased
        apart = np.abs((past.hours - hour + 12) % 24 - 12)
        by_hour = np.flatnonzero(apart <= HOURS)
        brightness = INDEX["mean"]
        distance = np.abs(past.vectors[:, brightness] - sight.vector[brightness])
        alike = np.argsort(distance, kind="stable")[:NEAREST]
        # Too few looks of this hour yet: the other set speaks for both, and is asked for more.
        self.sets = (by_hour if len(by_hour) >= ENOUGH else alike, alike)
        self.near = past.vectors[np.union1d(*self.sets)]
        self.hour_known = len(by_hour) >= ENOUGH
        level = float(sight.thumb.mean())
        nearest = sorted(past.scenes, key=lambda scene: abs(float(scene.mean()) - level))[:COMPARED]
        self.edges, self.scenes = edges(sight.thumb), [edges(scene) for scene in nearest]
        self.alike = self._alike()
        self._z = [_robust_z(sight.vector, past.vectors[s]) for s in self.sets]

    def _alike(self) -> float:
        """Correlation of edges with the most similar reference, 1 alike … 0 another scene; 1 where there is none."""
        mine = cv2.GaussianBlur(self.edges, (0, 0), 1.2)
        return max((_correlation(mine, cv2.GaussianBlur(e, (0, 0), 1.2)) for e in self.scenes), default=1.0)

    def least(self, family: str, threshold: float) -> float:
        return threshold * EASE if family in self.eased else threshold

    def hour(self, name: str) -> float:
        return float(self._z[0][INDEX[name]])

    def both(self, name: str) -> float:
        """The weaker of the two deviations; 0 where they point in different directions."""
        first, second = (float(z[INDEX[name]]) for z in self._z)
        return 0.0 if first * second <= 0 else min(first, second, key=abs)

    def usual(self, name: str) -> float:
        return float(np.median(self.past.vectors[self.sets[0], INDEX[name]]))


def _robust_z(vector: Vector, references: npt.NDArray[np.float32]) -> Vector:
    """(x − median) / hypot(1.4826 · MAD, floor) of the scalars."""
    scalars = references[:, : len(_FLOOR)]
    median = np.median(scalars, axis=0)
    spread = 1.4826 * np.median(np.abs(scalars - median), axis=0)
    return np.asarray((vector[: len(_FLOOR)] - median) / np.hypot(spread, _FLOOR), np.float32)


def judge(sight: Sight, past: Past, hour: float, eased: frozenset[str] = frozenset(), learning: int = LEARNING) -> Verdict:
    """`hour`: local hour of the day, 0…24. `eased`: families with an open fault, which is left at 70 % of what opened it.
    `learning`: accepted looks, below which only what needs no past is judged."""
    verdict = Verdict()
    _of_itself(sight, verdict)
    if len(past.vectors) < max(learning, ENOUGH):
        verdict.learning = True
        verdict.untestable |= _OF_THE_PAST
        return verdict
    compared = Compared(sight, past, hour, eased)
    if "no_signal" in verdict.found or "black" in verdict.found:
        if "black" in verdict.found and compared.usual("p98") <= 48 and sight["p98"] - sight["p2"] > 4:
            del verdict.found["black"]  # an unlit yard at night
        verdict.untestable |= _OF_THE_PAST
        return verdict
    for test in (_exposure, _sharpness, _colour, _disturbance, _structure):
        test(compared, verdict)
    _order(verdict)
    return verdict


def decayed(sight: Sight, anchor: Past, hour: float, eased: frozenset[str] = frozenset()) -> dict[str, dict[str, float]]:
    """Blur and dirt that came so slowly that the recent past knows them: against the first days of the view."""
    verdict = Verdict()
    if len(anchor.vectors) >= LEARNING:
        compared = Compared(sight, anchor, hour, eased)
        _sharpness(compared, verdict)
        verdict.found.pop("blurred_part", None)
    return verdict.found


def _of_itself(sight: Sight, verdict: Verdict) -> None:
    """What needs no past: a field without anything in it, not even a sensor's noise."""
    spread = sight["p98"] - sight["p2"]
    coloured = sight["chroma"] > 20
    if sight["p98"] <= 48 and spread <= 14 and not coloured:
        verdict.found["black"] = {"level": sight["p98"], "spread": spread}
    elif sight["level"] > 0.85 and sight["saturated"] < 0.3:
        verdict.found["no_signal"] = {"share": sight["level"], "spread": spread}


def _exposure(c: Compared, verdict: Verdict) -> None:
    s = c.sight
    if s["p98"] <= 48 and c.hour("p98") < -3 and c.usual("p98") > 60:
        verdict.found["black"] = {"level": s["p98"], "usual": c.usual("p98")}
    if s["saturated"] > c.least("overexposed", 0.12) and c.both("saturated") > c.least("overexposed", 3):
        verdict.found["overexposed"] = {"share": s["saturated"], "usual": c.usual("saturated")}
    if -c.hour("p98") > c.least("underexposed", 5) and -c.hour("e2") > c.least("underexposed", 2.5) and s["mean"] < 80:
        verdict.found["underexposed"] = {"mean": s["mean"], "usual": c.usual("mean")}
    if c.both("p2") > c.least("veil", 5) and -c.hour("sd") > c.least("veil", 1.2):
        verdict.found["veil"] = {"darkest": s["p2"], "usual": c.usual("p2")}


def _sharpness(c: Compared, verdict: Verdict) -> None:
    fine, middle, edge = -c.both("f0"), -c.both("f1"), -c.both("edge")
    textured = float(np.mean(measure.cells(c.sight.vector)[2] > 1.0))
    # Noise fills the finest band of an unsharp picture: then the second band and the edges speak.
    lost = max(fine, 0) + max(middle, 0) + max(edge, 0)
    if not textured >= 0.1:
        verdict.untestable |= {"blurred", "blurred_part"}
    elif lost > c.least("blurred", 6) and ((fine > 3 and middle > 1.5) or (middle > 3 and edge > 2)):
        verdict.found["blurred"] = {"fine": fine, "middle": middle, "edge": edge}
    elif (where := _locally_blurred(c)) is not None:
        verdict.found["blurred_part"] = {"share": float(where.mean())}
        verdict.cells = where


def _locally_blurred(c: Compared) -> npt.NDArray[np.float32] | None:
    """Cells whose bands fall off faster than in any reference, where they hang together."""
    mine, theirs = measure.cells(c.sight.vector), measure.cells(c.near)
    ratio, least = mine[1] - mine[2], (theirs[:, 1] - theirs[:, 2]).min(0)
    finest, least_finest = mine[0] - mine[1], (theirs[:, 0] - theirs[:, 1]).min(0)
    # A cell that always had something in it, and whose coarse structure is still there.
    usable = (np.median(theirs[:, 2], 0) > 1.0) & (mine[3] > theirs[:, 3].min(0) - 1.5)
    lost = usable & (ratio < least - 0.25) & (finest < least_finest + 0.1)
    patch = _largest_patch(lost)
    return patch.astype(np.float32) if patch.sum() > 0.12 * patch.size else None


def _largest_patch(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), bool)


def _colour(c: Compared, verdict: Verdict) -> None:
    s = c.sight
    distance = float(np.hypot(c.both("u"), c.both("v")))
    usual, now = c.usual("chroma"), s["chroma"]
    if usual > 2.5 and now < 0.4 * usual and c.both("chroma") < -3 and s["mean"] > 55 and c.hour_known and c.both("p2") < 3:
        verdict.found["monochrome"] = {"colour": now, "usual": usual}
    elif distance > c.least("cast", 5.5) and s["mean"] > 30:
        verdict.found["cast"] = {"distance": distance, "u": s["u"], "v": s["v"]}
    if usual <= 2.5:
        verdict.untestable.add("monochrome")


def _disturbance(c: Compared, verdict: Verdict) -> None:
    s = c.sight
    highest = float(np.percentile(c.past.vectors[np.union1d(*c.sets), INDEX["noise"]], 90))
    if s["noise"] > max(1.8 * highest, highest + 3.0) and c.both("noise") > 4:
        verdict.found["noise"] = {"level": s["noise"], "usual": highest}
    peak = _stripes(c)
    if peak > (-0.3 if "stripes" in c.eased else 0.0):
        verdict.found["stripes"] = {"peak": peak}
    torn = _torn(c)
    borders = s["tiles"] - float(c.past.vectors[:, INDEX["tiles"]].max())
    # Another view has other edges: rows and blocks only speak while it is the same scene.
    same = c.alike > SAME
    if s.corrupt or torn >= (4 if same else 9) or borders > (c.least("mosaic", 8) if same else MANY):
        verdict.found["mosaic"] = {"rows": torn, "blocks": borders}


def _stripes(c: Compared) -> float:
    """How far a wave stands out of its neighbours and of what it did in the past, ln, above a clean picture: across, down, or in any direction."""
    straight = _isolated(np.asarray(measure.waves(c.sight.vector) - measure.waves(c.near).max(0), np.float32), _BESIDE)
    straight[:, :4] = 0  # light and shade
    slanted = measure.spectrum(c.sight.vector) - measure.spectrum(c.near).max(0)
    slanted[:1, :1] = slanted[-1:, :1] = 0
    return float(max(straight.max() - 2.0, 2.0 * (slanted.max() - 0.9)))


# Neighbours in the spectrum, without the bin itself and its skirt: a new edge lifts a whole ray, a stripe one bin.
_BESIDE = np.array([[1, 1, 1, 0, 0, 0, 1, 1, 1]], np.float32) / np.float32(6)


def _isolated(beyond: npt.NDArray[np.float32], ring: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    around = cv2.filter2D(np.ascontiguousarray(beyond), -1, ring, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.minimum(beyond, beyond - around), np.float32)


def _torn(c: Compared) -> float:
    """Rows that jump as they never did, each alone."""
    mine, theirs = measure.rows(c.sight.vector), measure.rows(c.near)
    new = mine > 1.6 * theirs.max(0) + 6
    alone = mine > 2.0 * np.maximum(np.roll(mine, 2), np.roll(mine, -2)) + 4
    return float(np.sum(new & alone)) + max(
        0.0, c.sight["steps"] - float(theirs.shape[0] and c.past.vectors[:, INDEX["steps"]].max()) - 1
    )


def _structure(c: Compared, verdict: Verdict) -> None:
    mine = measure.cells(c.sight.vector)[1:3].mean(0)
    theirs = measure.cells(c.near)[:, 1:3].mean(1)
    structured = np.median(theirs, 0) > 1.5
    if structured.mean() < 0.1:
        verdict.untestable |= {"covered", "covered_part", "moved"}
        return
    gone = structured & (mine < theirs.min(0) - 0.7)
    patch = _largest_patch(gone)
    lost = float(gone.sum() / structured.sum())
    # In the mean: with lamps and shadows some cells were empty once, but never all of them at the same time.
    fallen = float(np.mean(np.median(theirs, 0)[structured] - mine[structured]))
    alike, shift = c.alike, _shift(c)
    if alike < 0.45 and (lost > c.least("covered", 0.6) or (fallen > c.least("covered", 1.5) and alike < 0.3)):
        verdict.found["covered"] = {"lost": lost, "fallen": fallen, "alike": alike}
    elif "blurred" in verdict.found and _blurred_everywhere(c, structured):
        pass  # what is unsharp everywhere is not covered
    elif lost > c.least("covered_part", 0.32) or patch.mean() > c.least("covered_part", 0.11):
        verdict.found["covered_part"] = {"lost": lost, "patch": float(patch.mean())}
        verdict.found.pop("blurred", None)
    if lost > 0.1:
        verdict.cells = gone.astype(np.float32)
    if shift is not None and c.least("moved", MOVED) < shift[0] < 0.4:
        verdict.found["moved"] = {"shift": shift[0], "response": shift[1]}
    elif alike < 0.22 and "covered" not in verdict.found:
        verdict.found["moved"] = {"alike": alike}  # structure there is, but of another scene


def _blurred_everywhere(c: Compared, structured: npt.NDArray[np.bool_]) -> bool:
    """Whether most cells kept their coarse structure and lost the fine one; under a cover both are gone."""
    mine, theirs = measure.cells(c.sight.vector), measure.cells(c.near)
    drop = (mine[1] - mine[3]) - np.median(theirs[:, 1] - theirs[:, 3], 0)
    return bool(np.mean(drop[structured] < -0.5) > 0.6)


def edges(thumb: Plane) -> npt.NDArray[np.float32]:
    """Edge strength of a thumbnail, normalised by the contrast around it: the same at noon and under a lamp."""
    level = thumb.astype(np.float32)
    strength = cv2.magnitude(cv2.Sobel(level, cv2.CV_32F, 1, 0), cv2.Sobel(level, cv2.CV_32F, 0, 1))
    around = cv2.GaussianBlur(strength, (0, 0), 6.0)
    made = strength / (around + 3.0)
    return np.asarray(made - made.mean(), np.float32)


def _correlation(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    return float(np.sum(a * b) / (np.sqrt(np.sum(a * a) * np.sum(b * b)) + 1e-6))


def shift_between(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> tuple[float, float]:
    """(shift in shares of the thumbnail's width, response) by phase correlation."""
    window = cv2.createHanningWindow((a.shape[1], a.shape[0]), cv2.CV_32F)
    (dx, dy), response = cv2.phaseCorrelate(a, b, window)
    return float(np.hypot(dx, dy)) / measure.THUMB[0], float(response)


def _shift(c: Compared) -> tuple[float, float] | None:
    """(shift, response) against the most similar scenes; the smallest shift of them counts.

    Both halves are asked as well: a camera that hangs askew has turned about its middle, which stays where it was.
    """
    mine = c.edges
    ranked = sorted(((_correlation(mine, e), e) for e in c.scenes), key=lambda pair: -pair[0])[:SCENES]
    found = [_one_shift(e, mine) for _, e in ranked]
    trusted = [f for f in found if f is not None]
    return min(trusted) if trusted else None


def _one_shift(scene: npt.NDArray[np.float32], mine: npt.NDArray[np.float32]) -> tuple[float, float] | None:
    whole = shift_between(scene, mine)
    middle = mine.shape[1] // 2
    # Nothing that turned about its own middle leaves it so alike.
    if (whole[1] >= TRUSTED and whole[0] > MOVED * EASE) or whole[1] > UNTURNED:
        return whole
    halves = [
        shift_between(np.ascontiguousarray(scene[:, h]), np.ascontiguousarray(mine[:, h]))
        for h in (np.s_[:middle], np.s_[middle:])
    ]
    if min(h[1] for h in halves) >= 2 * TRUSTED and max(h[0] for h in halves) < 0.08:
        return max(halves)
    return whole if whole[1] >= TRUSTED else None


# What is there also shows as something else: the first of these that is found hides those behind it.
_HIDES = {
    "no_signal": frozenset(FAMILIES),
    "black": frozenset(FAMILIES) - {"no_signal"},
    "mosaic": frozenset(
        {"covered", "covered_part", "moved", "blurred", "blurred_part", "stripes", "noise", "overexposed", "veil"}
    ),
    "noise": frozenset({"blurred", "blurred_part", "covered", "covered_part", "moved", "stripes", "cast", "monochrome"}),
    "overexposed": frozenset({"covered", "moved", "covered_part", "veil", "blurred", "blurred_part", "cast", "monochrome"}),
    "underexposed": frozenset({"covered_part", "blurred", "blurred_part", "monochrome", "cast", "veil"}),
    "covered": frozenset(
        {"underexposed", "stripes", "covered_part", "blurred", "blurred_part", "moved", "cast", "veil", "monochrome"}
    ),
    "veil": frozenset({"moved", "covered_part", "blurred_part", "cast"}),
    "blurred": frozenset({"covered_part", "blurred_part", "moved"}),
    "stripes": frozenset({"covered_part", "blurred_part"}),
    "moved": frozenset({"stripes", "covered_part", "blurred_part"}),
    "covered_part": frozenset({"blurred_part", "cast"}),
}
_ORDER = (
    "no_signal", "black", "mosaic", "noise", "overexposed", "covered", "underexposed", "veil", "moved", "blurred", "stripes", "covered_part",
)  # fmt: skip


def _order(verdict: Verdict) -> None:
    moved = verdict.found.get("moved")
    if moved is not None and moved.get("response", 1.0) > 0.08 and "blurred" in verdict.found:
        del verdict.found["blurred"]  # another view has other edges
    for name in _ORDER:
        if name in verdict.found:
            for hidden in _HIDES[name] - {name}:
                if verdict.found.pop(hidden, None) is not None:
                    verdict.untestable.add(hidden)
