"""Stream checks from the recorder's own counters; nothing is decoded."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from datetime import datetime

from cameras.tables import Camera, Stream
from health.faults.findings import CheckFindings
from health.tables import CameraBaseline
from health.vocabulary import FaultFamily
from nvr.archive.reader import Keyframe
from nvr.recording_state import RecordingState
from nvr.tables import GapCause, StreamStatus

SILENT_SECONDS = 8.0
STALE_SECONDS = 60.0
MIN_FPS_SHARE = 0.6  # of the promised or usual frame rate
MIN_BITRATE_SHARE = 0.3  # of the usual bit rate
MAX_LOSS_SHARE = 0.005  # of the packets
CLOCK_SECONDS = 2.0  # R-TIME-1
LONG_GOP_SECONDS = 4.0
MIN_COUNTED_GOP_S = 15.0  # the recorder samples this counter every few seconds only
MIN_JUMPS = 3.0  # in about five minutes
_QUALITY_FAMILIES = (FaultFamily.LOW_FPS, FaultFamily.LOW_BITRATE, FaultFamily.LOSS, FaultFamily.TIMESTAMPS)
FAMILIES = (FaultFamily.UNREACHABLE, FaultFamily.AUTH, FaultFamily.NO_STREAM, *_QUALITY_FAMILIES)


def figures(status: StreamStatus | None) -> dict[str, float]:
    """Return the stream's frames per second, bits per second, share of lost packets. Empty without a status."""
    if status is None:
        return {}
    return {"fps": round(status.fps, 2), "bitrate": round(status.bitrate), "loss": round(status.loss, 5)}


def findings(
    stream: Stream, status: StreamStatus | None, now: datetime, baseline: CameraBaseline | None
) -> CheckFindings:
    """Check the recorder's counters of one stream. `baseline` holds the usual frame rate and bit rate."""
    if status is None or (now - status.at).total_seconds() > STALE_SECONDS:
        return CheckFindings(unknown={*FAMILIES})  # the recorder does not report: a station fault, not a camera fault
    recording = status.state == RecordingState.RECORDING
    if not recording and status.cause == GapCause.STATION_FAULT:
        return CheckFindings(unknown={*FAMILIES})  # reported as missing footage with this cause
    if status.state == RecordingState.REFUSED:
        return CheckFindings({FaultFamily.AUTH: {}}, {f for f in FAMILIES if f is not FaultFamily.AUTH})
    silent = (now - (status.last_picture or status.since)).total_seconds()
    if not recording and silent > SILENT_SECONDS:
        # Two families, because each sends another technician: either the camera answers on the network, or nothing
        # does.
        family = FaultFamily.UNREACHABLE if status.cause == GapCause.UNREACHABLE else FaultFamily.NO_STREAM
        return CheckFindings(
            {family: {"seconds": round(silent), "cause": status.cause or "", "said": status.detail[:120]}}
        )
    if not recording or (now - status.since).total_seconds() < SILENT_SECONDS:
        return CheckFindings(unknown={*_QUALITY_FAMILIES})
    if status.cause == GapCause.NO_KEYFRAME:  # pictures arrive but cannot be recorded without a keyframe
        return CheckFindings({FaultFamily.GOP: {"seconds": round(silent)}}, {*_QUALITY_FAMILIES})
    return _quality_findings(stream, status, baseline)


def _quality_findings(stream: Stream, status: StreamStatus, baseline: CameraBaseline | None) -> CheckFindings:
    """Compare frame rate, bit rate, packet loss and timestamps of a recorded stream with what is usual."""
    checked = CheckFindings()
    usual_fps = stream.fps or (baseline.fps if baseline else None)
    if usual_fps and status.fps < MIN_FPS_SHARE * usual_fps:
        checked.found[FaultFamily.LOW_FPS] = {"fps": round(status.fps, 1), "usual": round(usual_fps, 1)}
    usual_rate = baseline.bitrate if baseline else None
    if not usual_rate:
        checked.unknown.add(FaultFamily.LOW_BITRATE)
    elif status.bitrate < MIN_BITRATE_SHARE * usual_rate:
        checked.found[FaultFamily.LOW_BITRATE] = {"bitrate": round(status.bitrate), "usual": round(usual_rate)}
    if status.loss > MAX_LOSS_SHARE:
        checked.found[FaultFamily.LOSS] = {"loss": round(status.loss, 4)}
    if status.jumps >= MIN_JUMPS:
        checked.found[FaultFamily.TIMESTAMPS] = {"jumps": round(status.jumps)}
    return checked


def encoder_findings(
    stream: Stream | None, frames: Sequence[Keyframe], size: tuple[int, int] | None, status: StreamStatus | None = None
) -> CheckFindings:
    """Check the encoder settings by the keyframes: keyframe interval, codec and size (`size` as decoded).

    With the recorder's `status`, also counts a stream that is recorded without any keyframe in `frames`.
    """
    checked = CheckFindings()
    interval_s = _keyframe_interval(frames, status)
    if interval_s is None:
        checked.unknown.add(FaultFamily.GOP)
    elif interval_s > LONG_GOP_SECONDS:
        checked.found[FaultFamily.GOP] = {"seconds": round(interval_s, 1)}
    promised = (stream.codec or "").lower() if stream else ""
    if not frames or size is None or stream is None or not (promised and stream.width and stream.height):
        checked.unknown.add(FaultFamily.PARAMETERS)
    elif (frames[-1].codec, *size) != (promised, stream.width, stream.height):
        checked.found[FaultFamily.PARAMETERS] = {
            "now": f"{frames[-1].codec} {size[0]}×{size[1]}", "promised": f"{promised} {stream.width}×{stream.height}",
        }  # fmt: skip
    return checked


def _keyframe_interval(frames: Sequence[Keyframe], status: StreamStatus | None) -> float | None:
    """Return the keyframe interval in seconds: the median, or the time since the last keyframe; None if unknown."""
    pairs = [(b.at_us - a.at_us) / 1e6 for a, b in itertools.pairwise(frames)]
    if pairs:
        return statistics.median(pairs)
    counted = status.keyframe_seconds if status is not None and status.state == RecordingState.RECORDING else None
    return counted if counted is not None and counted > MIN_COUNTED_GOP_S else None


def clock(camera: Camera) -> CheckFindings:
    """Check the camera's clock offset, as last measured by the hourly clock synchronisation."""
    if camera.clock_offset is None:
        return CheckFindings(unknown={FaultFamily.CLOCK})
    if abs(camera.clock_offset) > CLOCK_SECONDS:
        return CheckFindings({FaultFamily.CLOCK: {"offset": round(camera.clock_offset, 1)}})
    return CheckFindings()
