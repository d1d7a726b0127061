"""Stream checks from the recorder's own counters; nothing is decoded."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from datetime import datetime

from cameras.tables import Camera, Stream
from health.tables import CameraBaseline
from nvr.archive.reader import Keyframe
from nvr.streams import NO_KEYFRAME
from nvr.tables import StreamStatus

Found = tuple[dict[str, dict[str, object]], set[str]]

SILENT_SECONDS = 8.0
STALE_SECONDS = 60.0
LOW_FPS = 0.6
LOW_BITRATE = 0.3
HIGH_LOSS = 0.005
CLOCK_SECONDS = 2.0  # R-TIME-1
LONG_GOP_SECONDS = 4.0
SURELY_LONG_SECONDS = 15.0  # the recorder samples this counter every few seconds only
MANY_JUMPS = 3.0  # in about five minutes
FAMILIES = ("unreachable", "auth", "no_stream", "low_fps", "low_bitrate", "loss", "timestamps")


def figures(status: StreamStatus | None) -> dict[str, float]:
    """Return the stream's frames per second, bits per second, share of lost packets. Empty without a status."""
    if status is None:
        return {}
    return {"fps": round(status.fps, 2), "bitrate": round(status.bitrate), "loss": round(status.loss, 5)}


def findings(stream: Stream, status: StreamStatus | None, now: datetime, habit: CameraBaseline | None) -> Found:
    """Return (families found with their figures, families that could not be tested)."""
    if status is None or (now - status.at).total_seconds() > STALE_SECONDS:
        return {}, set(FAMILIES)  # the recorder does not report: a station fault, not a camera fault
    if status.state != "recording" and status.cause == "station_fault":
        return {}, set(FAMILIES)  # reported as missing footage with this cause
    if status.state == "refused":
        return {"auth": {}}, set(FAMILIES) - {"auth"}
    silent = (now - (status.last_picture or status.since)).total_seconds()
    if status.state != "recording" and silent > SILENT_SECONDS:
        # Two families, because each sends another technician: either the camera answers on the network, or nothing
        # does.
        family = "unreachable" if status.cause == "unreachable" else "no_stream"
        return {family: {"seconds": round(silent), "cause": status.cause, "said": status.detail[:120]}}, set()
    if status.state != "recording" or (now - status.since).total_seconds() < SILENT_SECONDS:
        return {}, {"low_fps", "low_bitrate", "loss", "timestamps"}
    if status.cause == NO_KEYFRAME:  # pictures arrive but cannot be recorded without a keyframe
        return {"gop": {"seconds": round(silent)}}, {"low_fps", "low_bitrate", "loss", "timestamps"}
    found: dict[str, dict[str, object]] = {}
    usual_fps = stream.fps or (habit.fps if habit else None)
    if usual_fps and status.fps < LOW_FPS * usual_fps:
        found["low_fps"] = {"fps": round(status.fps, 1), "usual": round(usual_fps, 1)}
    usual_rate = habit.bitrate if habit else None
    if usual_rate and status.bitrate < LOW_BITRATE * usual_rate:
        found["low_bitrate"] = {"bitrate": round(status.bitrate), "usual": round(usual_rate)}
    if status.loss > HIGH_LOSS:
        found["loss"] = {"loss": round(status.loss, 4)}
    if status.jumps >= MANY_JUMPS:
        found["timestamps"] = {"jumps": round(status.jumps)}
    return found, set() if usual_rate else {"low_bitrate"}


def coded(
    stream: Stream | None, frames: Sequence[Keyframe], size: tuple[int, int] | None, status: StreamStatus | None = None
) -> Found:
    """Check the encoder settings by the keyframes: keyframe interval, codec and size (`size` as decoded).

    With the recorder's `status`, also counts a stream that is recorded without any keyframe in `frames`. Returns
    (families found with their figures, families that could not be tested).
    """
    found: dict[str, dict[str, object]] = {}
    unknown: set[str] = set()
    apart = _keyframes_apart(frames, status)
    if apart is None:
        unknown.add("gop")
    elif apart > LONG_GOP_SECONDS:
        found["gop"] = {"seconds": round(apart, 1)}
    promised = (stream.codec or "").lower() if stream else ""
    if not frames or size is None or stream is None or not (promised and stream.width and stream.height):
        unknown.add("parameters")
    elif (frames[-1].codec, *size) != (promised, stream.width, stream.height):
        found["parameters"] = {
            "now": f"{frames[-1].codec} {size[0]}×{size[1]}", "promised": f"{promised} {stream.width}×{stream.height}",
        }  # fmt: skip
    return found, unknown


def _keyframes_apart(frames: Sequence[Keyframe], status: StreamStatus | None) -> float | None:
    """Return the keyframe interval in seconds: the median, or the time since the last keyframe; None if unknown."""
    pairs = [(b.at_us - a.at_us) / 1e6 for a, b in itertools.pairwise(frames)]
    if pairs:
        return statistics.median(pairs)
    counted = status.keyframe_seconds if status is not None and status.state == "recording" else None
    return counted if counted is not None and counted > SURELY_LONG_SECONDS else None


def clock(camera: Camera) -> Found:
    """Check the camera's clock offset, as last measured by the hourly clock synchronisation."""
    if camera.clock_offset is None:
        return {}, {"clock"}
    if abs(camera.clock_offset) > CLOCK_SECONDS:
        return {"clock": {"offset": round(camera.clock_offset, 1)}}, set()
    return {}, set()
