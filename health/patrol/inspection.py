"""One inspection of one camera: combines the checks of counters, recording, device and picture; writes nothing.

`CameraInspector` gets the inputs of one camera and returns an `InspectionResult`; health.patrol.results writes it.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from cameras.tables import Camera, Stream
from core.clock import Clock, from_microseconds
from core.errors import ProtocolError
from core.settings import PatrolSettings
from health.checks import stream as stream_checks
from health.faults import fault_log
from health.faults.families import OUTAGE_FAMILIES, PICTURE_FAMILIES
from health.faults.findings import CheckFindings
from health.faults.state_machine import LIVE_STATES, resolve_explained
from health.patrol.probes import PROBE_FAMILIES, ProbeResult
from health.patrol.shared_weather import may_persist
from health.picture import baseline
from health.picture.baseline import Baseline
from health.picture.inspection import InspectionAnswer, InspectionRequest, inspect
from health.picture.judgement import WEATHER_FAMILIES
from health.tables import Fault, Inspection
from health.vocabulary import FaultFamily
from nvr.archive.reader import Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.tables import StreamStatus

log = logging.getLogger(__name__)

# Once a week each camera keeps a picture of these local hours, whatever is found: pictures are kept for a month, and a
# reference by day and one by night must be among them.
REFERENCE_HOURS = (10, 22)

VISUAL_FAMILIES = frozenset({*PICTURE_FAMILIES, FaultFamily.OSD_TIME, FaultFamily.OSD_NAME})
# The counter watch judges the other families (health.patrol.counter_watch).
INSPECTION_FAMILIES = VISUAL_FAMILIES | {
    FaultFamily.CLOCK, FaultFamily.GAPS, FaultFamily.RETENTION, FaultFamily.FLAPPING, FaultFamily.INDEX,
    FaultFamily.PARAMETERS, FaultFamily.GOP, FaultFamily.CORRUPT, FaultFamily.CARD, FaultFamily.PTZ, FaultFamily.EVENTS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class InspectionInputs:
    """The inputs of one inspection.

    `counters`: findings of the recorder's counters, or of the probe; `recorded`, `device`: findings of the other
    checks; `in_maintenance`: planned work on the camera; `shared_weather`: its neighbours show the same weather;
    `probe`: the probe of a camera that is not recorded.
    """

    status: StreamStatus | None
    counters: CheckFindings
    baseline: Baseline
    faults: dict[str, Fault]
    recorded: CheckFindings
    device: CheckFindings
    stream: Stream | None = None
    frames: Sequence[Keyframe] = ()
    in_maintenance: bool = False
    shared_weather: bool = False
    probe: ProbeResult | None = None


@dataclass(frozen=True, slots=True)
class InspectionResult:
    """The result of one inspection, not yet written.

    `verdict`: by family: found, clean, or None if it could not be judged; `families`: those that this inspection
    judges; `shared_weather`: the camera and its neighbours show the same weather.
    """

    camera: Camera
    inspection: Inspection
    answer: InspectionAnswer
    verdict: dict[str, bool | None]
    in_maintenance: bool
    families: frozenset[FaultFamily]
    shared_weather: bool


class CameraInspector:
    """Inspects one camera at a time; several calls may run at once."""

    def __init__(self, clock: Clock, settings: PatrolSettings, pool: DecodePool, zone: tzinfo):
        self._clock = clock
        self.settings = settings
        self.pool = pool
        self._zone = zone

    async def inspect(self, number: int, camera: Camera, inputs: InspectionInputs) -> InspectionResult:
        """Inspect one camera for round `number`; write nothing."""
        now = self._clock.now()
        findings, answer = await self._findings(camera, inputs, now)
        self._attribute_to_weather(findings, answer, inputs, now)
        if inputs.probe is not None:
            findings.found |= inputs.counters.found
            # Stored in the figures: below a parent that is down it is no finding, but the parent is judged by it.
            answer.figures |= {"gone": 1.0} if OUTAGE_FAMILIES & set(inputs.probe.findings.found) else {}
        # The counter watch records the faults of the counters; here they only explain picture faults.
        verdict = resolve_explained(
            {*findings.found, *inputs.counters.found}, findings.unknown | inputs.counters.unknown
        )
        inspection = Inspection(
            round=number,
            camera=camera.id,
            at=now,
            findings=findings.found,
            unknown=sorted(findings.unknown),
            figures=stream_checks.figures(inputs.status) | answer.figures,
            light=answer.light,
            features=answer.features or None,
            picture=f"patrol/{camera.id}/{now:%Y%m%dT%H%M%S%f}.jpg" if answer.jpeg else None,
            accepted=False,
        )
        families = INSPECTION_FAMILIES | PROBE_FAMILIES if inputs.probe is not None else INSPECTION_FAMILIES
        shared = inputs.shared_weather and "shared_weather" in answer.figures
        return InspectionResult(camera, inspection, answer, verdict, inputs.in_maintenance, families, shared)

    async def _findings(
        self, camera: Camera, inputs: InspectionInputs, now: datetime
    ) -> tuple[CheckFindings, InspectionAnswer]:
        """Return the findings of all checks but the counters, and the worker's answer about the picture."""
        findings = CheckFindings()
        for check in (inputs.recorded, inputs.device, stream_checks.clock(camera)):
            findings.add(check)
        answer = InspectionAnswer(CheckFindings(unknown={*VISUAL_FAMILIES}))
        if inputs.frames:
            answer = await self._inspect_picture(camera, inputs, now)
        findings.add(answer.findings)
        findings.add(stream_checks.encoder_findings(inputs.stream, inputs.frames, answer.size, inputs.status))
        return findings, answer

    @staticmethod
    def _attribute_to_weather(
        findings: CheckFindings, answer: InspectionAnswer, inputs: InspectionInputs, now: datetime
    ) -> None:
        """Withdraw what weather imitates while the neighbours show it too, or shortly after."""
        if not (inputs.shared_weather or may_persist(inputs.baseline.stored, now)):
            return
        if weather := WEATHER_FAMILIES & set(answer.findings.found):
            findings.withdraw(weather)
            answer.figures |= {"shared_weather": 1.0}

    async def _inspect_picture(self, camera: Camera, inputs: InspectionInputs, now: datetime) -> InspectionAnswer:
        known, stored = inputs.baseline, inputs.baseline.stored
        request = InspectionRequest(
            inputs.frames,
            baseline.local_hour(now, self._zone),
            known.vectors,
            known.hours,
            known.scenes,
            baseline.pattern_of(stored),
            known.anchors,
            known.anchor_hours,
            frozenset(n for n, f in inputs.faults.items() if fault_log.is_open(f)),
            frozenset(n for n, f in inputs.faults.items() if f.state in LIVE_STATES),
            stored.thumbnail if stored else None,
            (now - stored.at).total_seconds() if stored and stored.at else 0.0,
            stored.change if stored else None,
            self.settings.frozen_seconds,
            self.settings.learning_looks,
            want_picture=not known.scenes or _keeps_reference(camera.id, now.astimezone(self._zone), self.settings),
            osd_boxes=camera.profile.get("marks") or {},
            local=from_microseconds(inputs.frames[-1].at_us).astimezone(self._zone).replace(tzinfo=None),
            settled_scenes=known.settled_scenes,
            masks=camera.profile.get("masks") or [],
        )
        try:
            return await self.pool.run(inspect, request)
        except ProtocolError as e:
            log.warning("%s: keyframe cannot be decoded: %s", inputs.frames[-1].stream, e)
            size = float(len(inputs.frames[-1].data))
            return InspectionAnswer(CheckFindings({FaultFamily.CORRUPT: {"bytes": size}}, {*VISUAL_FAMILIES}))


def _keeps_reference(camera: str, local: datetime, settings: PatrolSettings) -> bool:
    """Return whether the camera keeps the picture of this inspection; the cameras share the days of the week."""
    on_its_day = zlib.crc32(camera.encode()) % 7 == local.weekday()
    return on_its_day and local.hour in REFERENCE_HOURS and local.minute < settings.interval_minutes
