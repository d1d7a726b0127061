"""Kinds, states and outcomes that the cameras' tables store, with the texts that they have there."""

from __future__ import annotations

from enum import StrEnum


class StreamKind(StrEnum):
    """A stream of a camera; also the last part of the stream's id."""

    MAIN = "main"
    SUB = "sub"


class AuthMode(StrEnum):
    """How a camera authenticates SOAP requests."""

    NONE = "none"  # it needs no login
    DIGEST = "digest"  # HTTP Digest
    WSSE = "wsse"  # WS-UsernameToken


class AccountState(StrEnum):
    """State of a camera's own account; null in the table: not tried yet."""

    OWN = "own"
    FAILED = "failed"


class MatchKind(StrEnum):
    """How a device that answered discovery relates to the cameras of the registry."""

    KNOWN = "known"  # the camera, at its registered address
    FIRST = "first"  # a device at the address of a camera without known identifiers
    MOVED = "moved"  # the camera at another address
    REPLACED = "replaced"  # another device at a camera's address
    CLONE = "clone"  # it reports identifiers of several cameras and cannot be assigned to one
    NEW = "new"  # no known camera


class MoveObstacle(StrEnum):
    """Why the station does not follow a camera to another address by itself."""

    OUTSIDE_SUBNETS = "outside_subnets"  # the address is in no subnet of the camera's village
    NO_DIGEST = "no_digest"  # a weaker authentication cannot tell the camera from a relay
    OLD_ADDRESS_ANSWERS = "old_address_answers"


class FindingKind(StrEnum):
    """What is wrong with a camera's security, identity or operation."""

    NO_AUTHENTICATION = "no_authentication"
    DEFAULT_PASSWORD = "default_password"
    KNOWN_BAD_FIRMWARE = "known_bad_firmware"
    CREDENTIAL_REFUSED = "credential_refused"
    IDENTITY_CHANGED = "identity_changed"
    CERTIFICATE_CHANGED = "certificate_changed"
    MOVED = "moved"
    CLONE = "clone"
    UNKNOWN_DEVICE = "unknown_device"
    OPEN_TELNET = "open_telnet"
    OPEN_UPNP = "open_upnp"
    CLOCK_WRONG = "clock_wrong"
    ZONE_WRONG = "zone_wrong"
    DRIFT = "drift"  # a setting differs from the policy
    TAMPER = "tamper"
    VIDEO_LOSS = "video_loss"
    STORAGE_FAILURE = "storage_failure"
    DISK_FULL = "disk_full"  # the camera's card
    PTZ_FAILED = "ptz_failed"
    EVENTS_SILENT = "events_silent"
    FILING_DUE = "filing_due"
    WARRANTY_ENDS = "warranty_ends"
    CONTRACT_ENDS = "contract_ends"


class QuirkOutcome(StrEnum):
    """What a model does with a setting that it does not accept."""

    REFUSED = "refused"
    IGNORED = "ignored"
    ROUNDED = "rounded"


class WallLayout(StrEnum):
    """How the wall is divided: evenly into so many cells, or one large cell and some small ones beside it."""

    ONE = "1"
    FOUR = "4"
    SIX = "6"
    NINE = "9"
    SIXTEEN = "16"
    TWENTY_FIVE = "25"
    ONE_AND_FIVE = "1+5"
    ONE_AND_SEVEN = "1+7"

    @property
    def cells(self) -> int:
        """Number of cells."""
        return sum(int(part) for part in self.split("+"))
