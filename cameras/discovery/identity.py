"""Identify a device by a weighted vote of UUID, serial number and MAC address, because each of them can be wrong.

Clones share UUID and serial number, firmware updates change the UUID, some cameras report no MAC address. An identifier
that several known cameras share does not count. A different MAC address outweighs a matching UUID or serial number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cameras.states import MatchKind


class IdentifierKind(StrEnum):
    """What identifies a device."""

    MAC = "mac"
    UUID = "uuid"
    SERIAL = "serial"


DeviceIdentifier = tuple[IdentifierKind, str]
_WEIGHTS = {IdentifierKind.MAC: 3, IdentifierKind.UUID: 2, IdentifierKind.SERIAL: 2}
# A firmware update may change the UUID.
_CONTRADICTION_WEIGHTS = {IdentifierKind.MAC: -4, IdentifierKind.UUID: -1, IdentifierKind.SERIAL: -2}


@dataclass(frozen=True, slots=True)
class DeviceIdentifiers:
    """Identifiers that a device reports; empty where it reports none."""

    uuid: str = ""
    serial: str = ""  # prefixed with the manufacturer: each one numbers from 1
    macs: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.uuid or self.serial or self.macs)


@dataclass(frozen=True, slots=True)
class KnownCamera:
    """A camera of the registry."""

    id: str
    address: str | None
    identifiers: DeviceIdentifiers


@dataclass(frozen=True, slots=True)
class IdentityMatch:
    """The result of matching a device with the registry."""

    kind: MatchKind
    camera: str | None = None


class CameraIndex:
    """The known cameras, indexed by address and identifier."""

    def __init__(self, cameras: Iterable[KnownCamera]):
        self._cameras = list(cameras)
        self._at = {c.address: c for c in self._cameras if c.address}
        self._shared = _shared([c.identifiers for c in self._cameras])
        self._by_identifier: dict[DeviceIdentifier, list[KnownCamera]] = {}
        for camera in self._cameras:
            for identifier in _pairs(camera.identifiers):
                self._by_identifier.setdefault(identifier, []).append(camera)

    def match(self, address: str, seen: DeviceIdentifiers) -> IdentityMatch:
        """Match a device that answered at an address."""
        here = self._at.get(address)
        if here is not None and not here.identifiers:
            return IdentityMatch(MatchKind.FIRST, here.id)
        claims = {c.id: c for t in _pairs(seen) for c in self._by_identifier.get(t, ())}
        scores = sorted(((self._score(seen, c.identifiers), c.id) for c in claims.values()), reverse=True)
        if here is not None and (not seen or self._score(seen, here.identifiers) > 0):
            return IdentityMatch(MatchKind.KNOWN, here.id)
        if scores and scores[0][0] > 0 and (len(scores) == 1 or scores[1][0] < scores[0][0]):
            return IdentityMatch(MatchKind.MOVED, scores[0][1])
        if here is not None:
            return IdentityMatch(MatchKind.REPLACED, here.id)
        return IdentityMatch(MatchKind.CLONE, scores[0][1]) if claims else IdentityMatch(MatchKind.NEW)

    def _score(self, seen: DeviceIdentifiers, known: DeviceIdentifiers) -> int:
        total = 0
        for kind, mine, theirs in (
            (IdentifierKind.MAC, seen.macs, known.macs),
            (IdentifierKind.UUID, {seen.uuid} - {""}, {known.uuid} - {""}),
            (IdentifierKind.SERIAL, {seen.serial} - {""}, {known.serial} - {""}),
        ):
            if not mine or not theirs:
                continue
            agreed = mine & theirs
            if not agreed:
                total += _CONTRADICTION_WEIGHTS[kind]
            elif any((kind, v) not in self._shared for v in agreed):
                total += _WEIGHTS[kind]
        return total


def _pairs(identifiers: DeviceIdentifiers) -> list[DeviceIdentifier]:
    pairs = [(IdentifierKind.UUID, identifiers.uuid), (IdentifierKind.SERIAL, identifiers.serial)]
    pairs += [(IdentifierKind.MAC, m) for m in identifiers.macs]
    return [p for p in pairs if p[1]]


def _shared(cameras: Sequence[DeviceIdentifiers]) -> set[DeviceIdentifier]:
    """Return the identifiers that more than one camera reports."""
    counts = Counter(t for identifiers in cameras for t in _pairs(identifiers))
    return {t for t, n in counts.items() if n > 1}
