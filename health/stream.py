"""Stream checks from the recorder's own counters; nothing is decoded."""

from __future__ import annotations

from datetime import datetime

from cameras.tables import Camera, Stream
from health.tables import CameraSight
from nvr.tables import StreamStatus

SILENT_SECONDS = 8.0
STALE_SECONDS = 60.0
LOW_FPS = 0.6
LOW_BITRATE = 0.3
HIGH_LOSS = 0.005
CLOCK_SECONDS = 2.0  # R-TIME-1
FAMILIES = ("unreachable", "auth", "no_stream", "low_fps", "low_bitrate", "loss")


def figures(status: StreamStatus | None) -> dict[str, float]:
    if status is None:
        return {}
    return {"fps": round(status.fps, 2), "bitrate": round(status.bitrate), "loss": round(status.loss, 5)}


def findings(
    stream: Stream, status: StreamStatus | None, now: datetime, habit: CameraSight | None
) -> tuple[dict[str, dict[str, object]], set[str]]:
    """(found families with their figures, families that could not be tested)."""
    if status is None or (now - status.at).total_seconds() > STALE_SECONDS:
        return {}, set(FAMILIES)  # the recorder does not report: that is our trouble, not the camera's
    if status.state == "refused":
        return {"auth": {}}, set(FAMILIES) - {"auth"}
    silent = (now - (status.last_picture or status.since)).total_seconds()
    if status.state != "recording" and silent > SILENT_SECONDS:
        # It answers the network, or nothing does: two different men are sent.
        family = "unreachable" if status.cause == "unreachable" else "no_stream"
        return {family: {"seconds": round(silent), "cause": status.cause, "said": status.detail[:120]}}, set()
    if status.state != "recording" or (now - status.since).total_seconds() < SILENT_SECONDS:
        return {}, {"low_fps", "low_bitrate", "loss"}
    found: dict[str, dict[str, object]] = {}
    usual_fps = stream.fps or (habit.fps if habit else None)
    if usual_fps and status.fps < LOW_FPS * usual_fps:
        found["low_fps"] = {"fps": round(status.fps, 1), "usual": round(usual_fps, 1)}
    usual_rate = habit.bitrate if habit else None
    if usual_rate and status.bitrate < LOW_BITRATE * usual_rate:
        found["low_bitrate"] = {"bitrate": round(status.bitrate), "usual": round(usual_rate)}
    if status.loss > HIGH_LOSS:
        found["loss"] = {"loss": round(status.loss, 4)}
    return found, set() if usual_rate else {"low_bitrate"}


def clock(camera: Camera) -> tuple[dict[str, dict[str, object]], set[str]]:
    """The camera's clock, as the hourly care found it."""
    if camera.clock_offset is None:
        return {}, {"clock"}
    if abs(camera.clock_offset) > CLOCK_SECONDS:
        return {"clock": {"offset": round(camera.clock_offset, 1)}}, set()
    return {}, set()
