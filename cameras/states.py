"""States and outcomes that the cameras' tables store, with the texts that they have there."""

from __future__ import annotations

from enum import StrEnum


class MatchKind(StrEnum):
    """How a device that answered discovery relates to the cameras of the registry."""

    KNOWN = "known"  # the camera, at its registered address
    FIRST = "first"  # a device at the address of a camera without known identifiers
    MOVED = "moved"  # the camera at another address
    REPLACED = "replaced"  # another device at a camera's address
    CLONE = "clone"  # it reports identifiers of several cameras and cannot be assigned to one
    NEW = "new"  # no known camera


class QuirkOutcome(StrEnum):
    """What a model does with a setting that it does not accept."""

    REFUSED = "refused"
    IGNORED = "ignored"
    ROUNDED = "rounded"
