"""Converts detections to objects: a person on a two-wheeler becomes one rider, described by clothes and vehicle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.analysis.detectors.base import Detection, intersection
from search.vocabulary import Cls

TWO_WHEELERS = frozenset({int(Cls.two_wheeler), int(Cls.bicycle), int(Cls.ebike)})
VEHICLES = frozenset(int(c) for c in (Cls.vehicle, Cls.car, Cls.van, Cls.truck, Cls.bus, Cls.tricycle))
PEOPLE = frozenset({int(Cls.person), int(Cls.rider)})
MAX_OBJECTS = 200  # objects per picture


@dataclass(frozen=True, slots=True)
class DetectedObject:
    """`whole`: box and class of the object; `body`: the person in it, if there is one, otherwise the same."""

    whole: Detection
    body: Detection


def objects_of(found: Sequence[Detection]) -> list[DetectedObject]:
    """Join riders, keep other detections; return at most MAX_OBJECTS, highest score first."""
    wheels = [d for d in found if d.cls in TWO_WHEELERS]
    people = sorted((d for d in found if d.cls == Cls.person), key=lambda d: -d.score)
    objects: list[DetectedObject] = []
    ridden: set[Detection] = set()
    for person in people:
        mount = next(
            (
                w
                for w in sorted(wheels, key=lambda w: -intersection(w, person))
                if w not in ridden and _rides(person, w)
            ),
            None,
        )
        if mount is None:
            objects.append(DetectedObject(person, person))
        else:
            ridden.add(mount)
            objects.append(DetectedObject(_union(person, mount), person))
    objects += [DetectedObject(d, d) for d in found if d.cls != Cls.person and d not in ridden]
    return sorted(objects, key=lambda t: -t.whole.score)[:MAX_OBJECTS]


def _rides(person: Detection, wheels: Detection) -> bool:
    """Return whether the person is over the saddle.

    The person's middle lies within the vehicle's width (15 % margin), the feet between 30 % of its height and slightly
    below.
    """
    middle, feet = person.x + person.w / 2, person.y + person.h
    within = wheels.x - 0.15 * wheels.w <= middle <= wheels.x + 1.15 * wheels.w
    above = wheels.y + 0.3 * wheels.h <= feet <= wheels.y + 1.15 * wheels.h and person.y < wheels.y + 0.35 * wheels.h
    return within and above and intersection(person, wheels) > 0.15 * person.w * person.h


def _union(person: Detection, wheels: Detection) -> Detection:
    x1, y1 = min(person.x, wheels.x), min(person.y, wheels.y)
    x2, y2 = max(person.x + person.w, wheels.x + wheels.w), max(person.y + person.h, wheels.y + wheels.h)
    return Detection(Cls.rider, max(person.score, wheels.score), x1, y1, x2 - x1, y2 - y1)
