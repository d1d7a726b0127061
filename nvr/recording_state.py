"""States of a stream in its recorder; also stored in the stream's status and shown in the console."""

from __future__ import annotations

from enum import StrEnum


class RecordingState(StrEnum):
    CONNECTING = "connecting"
    RECORDING = "recording"
    WAITING = "waiting"  # a session failed; the next attempt follows after a back-off
    REFUSED = "refused"  # the camera refused the credential; a person must act
    QUARANTINED = "quarantined"  # the recorder crashed on it twice
