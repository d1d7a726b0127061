"""The enumerations of patrol, as they are stored in the database and shown by the API."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from pydantic import JsonValue

# Figures of the evidence of a finding, by name; health.faults.descriptions makes a sentence of them.
EvidenceFigures: TypeAlias = Mapping[str, JsonValue]


class FaultFamily(StrEnum):
    """A kind of fault. The values are stored in the database and shown by the API."""

    UPLINK = "uplink"
    UNREACHABLE = "unreachable"
    AUTH = "auth"
    NO_STREAM = "no_stream"
    FLAPPING = "flapping"
    LOW_FPS = "low_fps"
    LOW_BITRATE = "low_bitrate"
    LOSS = "loss"
    PARAMETERS = "parameters"
    GOP = "gop"
    CORRUPT = "corrupt"
    TIMESTAMPS = "timestamps"
    GAPS = "gaps"
    RETENTION = "retention"
    FORECAST = "forecast"
    INDEX = "index"
    NO_SIGNAL = "no_signal"
    BLACK = "black"
    FROZEN = "frozen"
    BLOCKING = "blocking"
    COVERED = "covered"
    PARTIAL_OCCLUSION = "partial_occlusion"
    MOVED = "moved"
    BLURRED = "blurred"
    BLURRED_PART = "blurred_part"
    OVEREXPOSED = "overexposed"
    UNDEREXPOSED = "underexposed"
    HAZE = "haze"
    COLOUR_CAST = "colour_cast"
    MONOCHROME = "monochrome"
    NOISE = "noise"
    BANDING = "banding"
    SHAKING = "shaking"
    CLOCK = "clock"
    CARD = "card"
    PTZ = "ptz"
    EVENTS = "events"
    OSD_TIME = "mark_time"
    OSD_NAME = "mark_name"
    VOLUME = "volume"
    PATROL = "patrol"
    REGISTER = "register"


class FaultKind(StrEnum):
    """What a fault family is about."""

    REACH = "reach"
    STREAM = "stream"
    RECORDING = "recording"
    PICTURE = "picture"
    OSD = "osd"
    CLOCK = "clock"
    DEVICE = "device"
    STATION = "station"


class FaultStatus(StrEnum):
    """State of a fault."""

    SUSPECT = "suspect"
    OPEN = "open"
    RECOVERING = "recovering"
    CLOSED = "closed"
    DISMISSED = "dismissed"


class FaultOutcome(StrEnum):
    """What became of a fault: judgement of a person, or why the system ended it (NEW_VIEW, RETIRED)."""

    REAL = "real"
    FALSE = "false"
    WATCH = "watch"
    NEW_VIEW = "new_view"
    RETIRED = "retired"


class ReviewAnswer(StrEnum):
    """What a person says about a picture in a manual review."""

    NORMAL = "normal"
    FAULTY = "faulty"


class OrderState(StrEnum):
    """State of a work order."""

    NEW = "new"
    ASSIGNED = "assigned"
    WORKING = "working"
    PARTS = "parts"
    VERIFYING = "verifying"
    CLOSED = "closed"
    REFUSED = "refused"
    MERGED = "merged"


class OrderStep(StrEnum):
    """What happened to a work order: its new state, or one of the first four.

    The states are those of `OrderState`, with the same texts: an enumeration with members cannot be extended.
    """

    CREATED = "created"
    REOPENED = "reopened"
    REMINDED = "reminded"
    CORRECTED = "corrected"  # its cost was entered or changed
    NEW = "new"
    ASSIGNED = "assigned"
    WORKING = "working"
    PARTS = "parts"
    VERIFYING = "verifying"
    CLOSED = "closed"
    REFUSED = "refused"
    MERGED = "merged"


class Light(StrEnum):
    """Light of an inspected picture."""

    DAY = "day"
    NIGHT = "night"
    NONE = ""


class FiguresKind(StrEnum):
    """Whom the daily figures concern."""

    TOWN = "town"
    VILLAGE = "village"
    VENDOR = "vendor"
    SPONSOR = "sponsor"
