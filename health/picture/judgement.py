"""Judges which picture faults one inspection shows, compared with the camera's accepted inspections.

Thresholds and their sources: docs/health.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from health.picture import displacement, measurement, structure
from health.picture.comparison import ENOUGH, AcceptedHistory, Comparison
from health.picture.measurement import INDEX, Measurement
from health.picture.structure import Occlusion, SharpnessLoss, StructureLoss

LEARNING = 24  # accepted inspections; with fewer, only families that need no history are judged
SAME = 0.35  # edge correlation above which it is the same scene
SURELY = 0.6
ABSENT = 0.1  # share of the height
ROUNDED = 1.0  # chroma of a grey picture after encoding
LOST = -0.35  # ln: a third of the contrast in the median cell
GONE = -3.5  # ln: haze leaves some contrast
FADES = -0.25  # ln, contrast of the view pattern
FOGGY = -0.6  # ln: upper third of the picture
PATCH, CELLS = 6, 7  # cells: connected, in total; clean pictures repeatedly have up to 2 and 5
UNSHARP = 0.3  # share of the cells; fog reaches 0.25
CARD = 20.0  # grey level above which a uniform picture is a test card and not black
REPLACED, SMOOTH = 0.2, 0.12  # shares of the picture
MANY = 60.0  # block borders; no scene has as many
STRAIGHT, SLANTED = 2.0, 0.85  # ln by which a new wave exceeds its neighbours; clean pictures reach 1.9 and 0.8
STRANGE = 0.4  # recognition relative to the least recognised reference picture; clean pictures stay above 0.6
HIDDEN, SPARED = 0.2, 0.6  # the same for a third of the picture
FADED = -1.8  # ln of the second band: an occlusion lowers it further, another view does not
WEATHER = frozenset(
    {"veil", "blurred", "blurred_part", "covered", "covered_part", "moved", "underexposed", "cast", "monochrome"}
)  # families that fog hides or imitates


@dataclass(slots=True)
class PictureVerdict:
    """The findings of one picture.

    `found`: family → figures of the evidence; `untestable`: families that this inspection cannot judge; `cells`: 8×12
    map of the location (0…1) for families that have one; `fog`: the cause is the air, not the camera.
    """

    found: dict[str, dict[str, float]] = field(default_factory=dict)
    untestable: set[str] = field(default_factory=set)
    cells: npt.NDArray[np.float32] | None = None
    learning: bool = False
    fog: bool = False


FAMILIES = (
    "no_signal",
    "black",
    "overexposed",
    "underexposed",
    "veil",
    "blurred",
    "blurred_part",
    "cast",
    "monochrome",
    "noise",
    "stripes",
    "mosaic",
    "covered",
    "covered_part",
    "moved",
)
# With one of these found, the view cannot be recognised.
_DISTURBED = frozenset({"noise", "mosaic", "stripes", "overexposed", "underexposed", "veil", "blurred"})
# Families that need the camera's own history.
_OF_THE_PAST = frozenset(FAMILIES) - {"no_signal", "black"}


def judge(
    sight: Measurement,
    past: AcceptedHistory,
    hour: float,
    eased: frozenset[str] = frozenset(),
    learning: int = LEARNING,
    live: frozenset[str] = frozenset(),
) -> PictureVerdict:
    """Judge one measurement against the accepted history.

    `hour`: local hour of the day, 0…24. `eased`: families with an open fault, which is found down to 70 % of the
    opening threshold. `learning`: number of accepted inspections below which only families without need of a history
    are judged. `live`: families with a live fault; of related families that all match, the one named first keeps its
    name.
    """
    verdict = PictureVerdict()
    _of_itself(sight, verdict)
    if len(past.vectors) < max(learning, ENOUGH):
        verdict.learning = True
        verdict.untestable |= _OF_THE_PAST
        return verdict
    compared = Comparison(sight, past, hour, eased)
    if "no_signal" in verdict.found or "black" in verdict.found:
        if "black" in verdict.found and compared.usual("p98") <= 48 and sight["p98"] - sight["p2"] > 4:
            del verdict.found["black"]  # no fault: an unlit yard at night
        verdict.untestable |= _OF_THE_PAST
        return verdict
    seen = structure.of(compared)
    _exposure(compared, seen, verdict)
    _haze(compared, seen, verdict)
    _sharpness(compared, seen.unsharp, verdict, "blurred" in live)
    _colour(compared, verdict)
    _disturbance(compared, verdict)
    _structure(compared, seen.cover, verdict)
    _order(verdict, live)
    if verdict.fog:
        for hidden in WEATHER & set(verdict.found):
            del verdict.found[hidden]
        verdict.untestable |= WEATHER
    return verdict


def decayed(
    sight: Measurement, anchor: AcceptedHistory, hour: float, eased: frozenset[str] = frozenset()
) -> dict[str, dict[str, float]]:
    """Judge blur and dirt against the first days of the view; recent history contains those that develop slowly."""
    verdict = PictureVerdict()
    if len(anchor.vectors) >= LEARNING:
        compared = Comparison(sight, anchor, hour, eased)
        _sharpness(compared, structure.unsharp(compared), verdict)
        verdict.found.pop("blurred_part", None)
    return verdict.found


def _of_itself(sight: Measurement, verdict: PictureVerdict) -> None:
    """Judge the families that need no history: a picture without content, not even sensor noise."""
    spread = sight["p98"] - sight["p2"]
    coloured = sight["chroma"] > 20
    if sight["level"] > 0.85 and sight["saturated"] < 0.3 and (sight["p50"] > CARD or coloured):
        verdict.found["no_signal"] = {"share": sight["level"], "spread": spread}
    elif sight["p98"] <= 48 and spread <= 14 and not coloured:
        verdict.found["black"] = {"level": sight["p98"], "spread": spread}


def _exposure(c: Comparison, seen: StructureLoss, verdict: PictureVerdict) -> None:
    s = c.sight
    if s["p98"] <= 48 and c.hour("p98") < -3 and c.usual("p98") > 60:
        verdict.found["black"] = {"level": s["p98"], "usual": c.usual("p98")}
    if s["saturated"] > c.least("overexposed", 0.12) and c.both("saturated") > c.least("overexposed", 3):
        verdict.found["overexposed"] = {"share": s["saturated"], "usual": c.usual("saturated")}
    dim = -c.hour("p98") > c.least("underexposed", 5) and -c.hour("e2") > c.least("underexposed", 2.5)
    darkest = min(c.below_hour("p98"), c.below_hour("mean")) > c.least("underexposed", 3)
    # Less light lowers contrast as much as brightness; an occlusion lowers contrast further.
    explained = 2 * np.log(max(1.0, c.usual("mean") / max(1.0, s["mean"]))) + 1.0
    if (dim or darkest) and s["mean"] < 80 and c.alike > 0.45 * c.usual_likeness and seen.cover.fallen < explained:
        verdict.found["underexposed"] = {"mean": s["mean"], "usual": c.usual("mean")}


def _haze(c: Comparison, seen: StructureLoss, verdict: PictureVerdict) -> None:
    """Judge haze and fog: dark parts are brighter and contrast is lower.

    Haze on the glass affects near parts as much as far ones; fog affects far parts more.
    """
    loss, lifted = seen.haze, max(c.both("p2"), 1.2 * c.beyond("p2"))
    thick = loss.far < FOGGY and loss.all < LOST and abs(loss.near) < -loss.far
    # Far and near can be compared only if both contain structure.
    if thick and loss.told and not loss.even and c.alike > 0.25 and seen.unsharp.share < UNSHARP:
        verdict.fog = True
        return
    view = c.recognised
    if view.told:
        # Light and shade move; fixed structure keeps its contrast in them and loses it only behind haze.
        brighter = np.log(max(1.0, c.sight["mean"]) / max(1.0, c.usual("mean")))
        same = view.known > STRANGE and not view.hidden(HIDDEN)
        fades = (
            view.faded < c.least("veil", FADES) and view.kept < c.least("veil", FADES / 2) and view.faded + brighter < 0
        )
        if lifted > c.least("veil", 4) and fades and same:
            verdict.found["veil"] = {"darkest": c.sight["p2"], "usual": c.usual("p2"), "lost": view.faded}
        return
    even = loss.least < 0.6 * LOST and loss.even and c.alike > 0.45 * c.usual_likeness
    bright = c.beyond("p2") > c.least("veil", 5) and loss.near < 0.6 * loss.far and loss.all > GONE
    if lifted > c.least("veil", 5) and loss.all < c.least("veil", LOST) and (even or bright):
        verdict.found["veil"] = {"darkest": c.sight["p2"], "usual": c.usual("p2"), "lost": loss.all}


def _sharpness(c: Comparison, seen: SharpnessLoss, verdict: PictureVerdict, suspected: bool = False) -> None:
    """Judge blur. `suspected`: blur is already suspected, so it need not cover the whole picture again."""
    if seen.cells < 6:
        verdict.untestable |= {"blurred", "blurred_part"}
        return
    if seen.coarse < -0.55 and not (seen.share > 0.75 and seen.lost < -0.8):
        return  # all bands lost contrast, which is not defocus
    # In harder light than before, edges look soft compared with the history: require more.
    share, lost = (0.4, 0.5) if seen.harder else (0.35, 0.3)
    if (
        seen.share > c.least("blurred", share)
        and -seen.lost > c.least("blurred", lost)
        and (seen.everywhere or suspected)
    ):
        verdict.found["blurred"] = {"share": seen.share, "lost": seen.lost}
    _partly(c, seen, verdict)


def _partly(c: Comparison, seen: SharpnessLoss, verdict: PictureVerdict) -> None:
    hit = structure.largest_patch(seen.dull).sum() >= c.least("blurred_part", PATCH)
    if hit or seen.dull.sum() >= c.least("blurred_part", CELLS):
        verdict.found["blurred_part"] = {"share": float(seen.dull.mean())}
        verdict.cells = seen.dull.astype(np.float32)


def _colour(c: Comparison, verdict: PictureVerdict) -> None:
    s = c.sight
    distance = max(float(np.hypot(c.both("u"), c.both("v"))), 1.3 * float(np.hypot(c.beyond("u"), c.beyond("v"))))
    usual, now = c.usual("chroma"), s["chroma"]
    if (
        usual > 2.5
        and now - ROUNDED < 0.35 * (usual - ROUNDED)
        and c.both("chroma") < -3
        and s["mean"] > 55
        and c.hour_known
        and c.both("p2") < 3
    ):
        verdict.found["monochrome"] = {"colour": now, "usual": usual}
    elif distance > c.least("cast", 5.5) and s["mean"] > 30 and structure.tinted(c) >= structure.EVERYWHERE:
        verdict.found["cast"] = {"distance": distance, "u": s["u"], "v": s["v"]}
    if usual <= 2.5:
        verdict.untestable.add("monochrome")


def _disturbance(c: Comparison, verdict: PictureVerdict) -> None:
    s = c.sight
    highest = float(np.percentile(c.past.vectors[np.union1d(*c.sets), INDEX["noise"]], 90))
    if s["noise"] > max(1.8 * highest, highest + 3.0) and c.both("noise") > 4:
        verdict.found["noise"] = {"level": s["noise"], "usual": highest}
    peak = _stripes(c)
    if peak > (-0.3 if "stripes" in c.eased else 0.0):
        verdict.found["stripes"] = {"peak": peak}
    torn = _torn(c)
    borders = s["tiles"] - float(c.past.vectors[:, INDEX["tiles"]].max())
    # Another view has other edges: rows and blocks count only while it is the same scene.
    same = c.alike > SAME
    strange = c.recognised.known < HIDDEN
    blocks = borders > (c.least("mosaic", 8) if same else MANY)
    missing = s["still"] - float(c.past.vectors[:, INDEX["still"]].max())
    # Bands across the picture are row jumps too, and explain all of them.
    if s.corrupt or blocks or missing > ABSENT or (torn >= (4 if same else 12 if strange else 6) and peak < SURELY):
        verdict.found["mosaic"] = {"rows": torn, "blocks": borders, "missing": missing}


def _stripes(c: Comparison) -> float:
    """Return by how much, in ln, a wave exceeds the clean limit: across, down, or in any direction.

    A wave is measured against its neighbours in the spectrum and against the history.
    """
    straight = _isolated(
        np.asarray(measurement.waves(c.sight.vector) - measurement.waves(c.near).max(0), np.float32), _BESIDE
    )
    straight[:, :4] = 0  # low frequencies: light and shade
    slanted = measurement.spectrum(c.sight.vector) - measurement.spectrum(c.near).max(0)
    slanted[:2, :1] = slanted[-1:, :1] = 0
    return float(max(straight.max() - STRAIGHT, slanted.max() - SLANTED))


# Neighbours in the spectrum, without the bin itself and its skirt: a new edge raises a whole ray of bins, a band only
# one.
_BESIDE = np.array([[1, 1, 1, 0, 0, 0, 1, 1, 1]], np.float32) / np.float32(6)


def _isolated(beyond: npt.NDArray[np.float32], ring: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    around = cv2.filter2D(np.ascontiguousarray(beyond), -1, ring, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.minimum(beyond, beyond - around), np.float32)


def _torn(c: Comparison) -> float:
    """Return the number of rows with an isolated jump that the history does not have."""
    mine, theirs = measurement.rows(c.sight.vector), measurement.rows(c.near)
    new = mine > 1.6 * theirs.max(0) + 6
    alone = mine > 2.0 * np.maximum(np.roll(mine, 2), np.roll(mine, -2)) + 4
    return float(np.sum(new & alone)) + max(
        0.0, c.sight["steps"] - float(theirs.shape[0] and c.past.vectors[:, INDEX["steps"]].max()) - 1
    )


def _structure(c: Comparison, seen: Occlusion, verdict: PictureVerdict) -> None:
    least = c.least("moved", displacement.MOVED)
    shift = displacement.shift(c.edges, c.scenes, c.likeness, c.usual_likeness, least) if seen.testable else None
    if shift is not None:
        verdict.found["moved"] = {"shift": shift.size, "gain": shift.gain}
        return
    clear = not _DISTURBED & set(verdict.found)
    strange = clear and c.recognised.known < STRANGE and c.recognised.best < SPARED
    if not seen.testable:
        verdict.untestable |= {"covered", "moved"}
    if seen.testable and (seen.unlike or strange) and _all_gone(c, seen):
        if "veil" not in verdict.found:
            verdict.found["covered"] = {"lost": seen.lost, "fallen": seen.fallen, "alike": c.alike}
    elif (why := _another_scene(c, seen, strange)) is not None:
        verdict.untestable.discard("moved")
        verdict.found["moved"] = why
        return
    _covered_part(c, seen, verdict, clear)
    if seen.where.mean() > 0.05:
        verdict.cells = seen.where.astype(np.float32)


def _all_gone(c: Comparison, seen: Occlusion) -> bool:
    return seen.fallen > 1 and (seen.lost > c.least("covered", 0.6) or (seen.fallen > 1.5 and c.alike < 0.3))


def _another_scene(c: Comparison, seen: Occlusion, strange: bool) -> dict[str, float] | None:
    """Return figures if the picture has structure but shows another scene; None otherwise.

    Row jumps leave the view recognisable between them, so they rule out another scene.
    """
    view = c.recognised
    if view.told and view.known > HIDDEN / 2 and _torn(c) >= 4:
        return None
    if seen.testable and c.usual_likeness > 0.5 and c.alike < min(0.25, 0.33 * c.usual_likeness):
        return {"alike": c.alike}
    return {"known": view.known} if strange and seen.faded > FADED else None


def _covered_part(c: Comparison, seen: Occlusion, verdict: PictureVerdict, clear: bool) -> None:
    """Judge partial occlusion. `clear`: no disturbance prevents recognition of the view."""
    view = c.recognised
    # Defocus removes edges and grain everywhere, and the view is still recognised.
    recognised = view.told and view.least >= SPARED
    lost, smooth = (0.0, 0.0) if recognised else (seen.lost, seen.smooth)
    patch = max(seen.patch, seen.foreign)
    gone = (
        lost > c.least("covered_part", 0.32)
        or patch > c.least("covered_part", 0.11)
        or smooth > c.least("covered_part", SMOOTH)
    )
    told = seen.testable or max(seen.foreign, smooth) > 0.11
    # One third of the picture is not recognised while others are.
    hidden = clear and view.hidden(c.most("covered_part", HIDDEN))
    if (gone and told) or seen.replaced > c.least("covered_part", REPLACED) or hidden:
        verdict.found["covered_part"] = {
            "lost": seen.lost,
            "patch": max(patch, seen.replaced, smooth),
            "known": view.least,
        }


# A fault may also match other families: the first one found in _ORDER hides these.
_HIDES = {
    "no_signal": frozenset(FAMILIES),
    "black": frozenset(FAMILIES) - {"no_signal"},
    "mosaic": frozenset(
        {"covered", "covered_part", "moved", "blurred", "blurred_part", "stripes", "noise", "overexposed", "veil"}
    ),
    "noise": frozenset(
        {"mosaic", "blurred", "blurred_part", "covered", "covered_part", "moved", "stripes", "cast", "monochrome"}
    ),
    "overexposed": frozenset(
        {"covered", "moved", "covered_part", "veil", "blurred", "blurred_part", "cast", "monochrome"}
    ),
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
    "no_signal",
    "black",
    "noise",
    "mosaic",
    "overexposed",
    "covered",
    "underexposed",
    "veil",
    "moved",
    "blurred",
    "stripes",
    "covered_part",
)


_RELATIVES = ("covered", "covered_part", "blurred", "blurred_part")


def _order(verdict: PictureVerdict, live: frozenset[str]) -> None:
    """Remove findings that another finding explains; they become untestable."""
    named = [n for n in _RELATIVES if n in verdict.found and n in live]
    if named:
        for other in set(_RELATIVES) & set(verdict.found) - {named[0]}:
            del verdict.found[other]
            verdict.untestable.add(other)
    for name in _ORDER:
        if name in verdict.found:
            for hidden in _HIDES[name] - {name}:
                if verdict.found.pop(hidden, None) is not None:
                    verdict.untestable.add(hidden)
