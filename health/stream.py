"""Stream checks from the recorder's own counters; nothing is decoded."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime

from nvr.tables import StreamStatus

SILENT_SECONDS = 10.0
STALE_SECONDS = 60.0
LOW_FPS = 0.6
LOW_BITRATE = 0.3
HIGH_LOSS = 0.005
MIN_HABIT = 5


def figures(status: StreamStatus | None) -> dict[str, float]:
    if status is None:
        return {}
    return {"fps": status.fps, "bitrate": status.bitrate, "loss": status.loss}


def findings(
    status: StreamStatus | None, now: datetime, promised_fps: float | None, habit: Sequence[dict[str, float]]
) -> tuple[dict[str, str], set[str]]:
    """(found families with a sentence, families that could not be tested).

    `habit` are figures of the camera's earlier looks without findings.
    """
    everything = {"no_stream", "auth", "low_fps", "low_bitrate", "loss"}
    if status is None or (now - status.at).total_seconds() > STALE_SECONDS:
        return {}, everything  # the recorder does not report: that is our trouble, not the camera's
    if status.state == "refused":
        return {"auth": "the camera refused the credential; set the right one"}, everything - {"auth"}
    silent = (now - (status.last_picture or status.since)).total_seconds()
    if status.state != "recording" and silent > SILENT_SECONDS:
        return {"no_stream": f"no picture for {silent:.0f} s: {status.detail or status.cause or 'no answer'}"}, set()
    if status.state != "recording" or (now - status.since).total_seconds() < SILENT_SECONDS:
        return {}, {"low_fps", "low_bitrate", "loss"}
    found: dict[str, str] = {}
    usual_fps = promised_fps or _habit(habit, "fps")
    if usual_fps and status.fps < LOW_FPS * usual_fps:
        found["low_fps"] = f"{status.fps:.1f} pictures a second instead of {usual_fps:.0f}"
    usual_rate = _habit(habit, "bitrate")
    if usual_rate and status.bitrate < LOW_BITRATE * usual_rate:
        found["low_bitrate"] = f"{status.bitrate / 1000:.0f} kb/s instead of {usual_rate / 1000:.0f}"
    if status.loss > HIGH_LOSS:
        found["loss"] = f"{status.loss:.1%} of the packets are lost"
    return found, set() if usual_rate else {"low_bitrate"}


def _habit(habit: Sequence[dict[str, float]], key: str) -> float | None:
    values = [h[key] for h in habit if h.get(key)]
    return statistics.median(values) if len(values) >= MIN_HABIT else None
