"""Probes of cameras that are not recorded: one keyframe per inspection, or the family of the fault that prevented it.

The recorder's rules apply: probes share its connection budget, and a rejected credential is not tried again until a
person acts. A whole village that does not answer is one fault of its up-link.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.onboarding import own_account
from cameras.per_camera import CAMERA_ERRORS, error_message
from cameras.registry import registry
from cameras.tables import Camera
from core.database import Database
from core.errors import CameraError, CameraRefused, CameraUnreachable, StationFault
from core.secrets import Vault
from core.tasks import spawn
from health.faults import fault_log, topology
from health.faults.families import NO_VIDEO_FAMILIES
from health.faults.findings import CheckFindings
from health.faults.state_machine import LIVE_STATES
from health.tables import Fault, Inspection
from health.vocabulary import EvidenceFigures, FaultFamily
from nvr.archive.reader import Keyframe
from nvr.edge.keyframe_probe import KeyframeProbe
from nvr.recorder.reconcile import store_digest_offer
from nvr.rtsp import server_memory

log = logging.getLogger(__name__)

PROBE_FAMILIES = NO_VIDEO_FAMILIES


@dataclass(slots=True)
class ProbeResult:
    """The result of a probe: a keyframe, or the fault that prevented it."""

    frames: list[Keyframe] = field(default_factory=list)
    findings: CheckFindings = field(default_factory=CheckFindings)
    has_digest: bool = False  # the RTSP server offered Digest authentication


class Probes:
    """Starts the probes of a chunk of cameras and stores the facts learned from them."""

    def __init__(self, database: Database, vault: Vault, keyframe_probe: KeyframeProbe):
        self._database = database
        self._vault = vault
        self._keyframe_probe = keyframe_probe
        self._with_digest: set[str] = set()  # cameras whose registry row says that their RTSP server offered Digest

    async def start(self, cameras: Sequence[Camera]) -> dict[str, asyncio.Task[ProbeResult]]:
        """Start probes of cameras that are not recorded and have an address; return the tasks by camera id."""
        logins: dict[str, tuple[str, str] | None] = {}
        async with self._database.reading() as session:
            wanting = await own_account.villages_requiring(session)
            wanted = [
                (c, s)
                for c in cameras
                if (s := registry.probed_stream(c)) is not None and not own_account.must_wait(c, wanting)
            ]
            for camera, stream in wanted:
                try:
                    self._recall_digest(camera, str(stream.url))
                    logins[camera.id] = await registry.stream_login(session, self._vault, camera)
                except CAMERA_ERRORS as e:  # this camera stays unknown; the others are probed
                    log.error(
                        "%s: not probed, credential '%s' cannot be read: %s",
                        camera.id,
                        camera.credential,
                        error_message(e),
                    )
        known = [(c, s) for c, s in wanted if c.id in logins]
        return {c.id: spawn(self._probe(c, s.id, str(s.url), logins[c.id])) for c, s in known}

    def _recall_digest(self, camera: Camera, url: str) -> None:
        """Restore or clear what is known about the camera's RTSP server.

        A person may have stated that another device is now at this address.
        """
        if camera.rtsp_digest_at is not None:
            server_memory.remember_digest(url)
            self._with_digest.add(camera.id)
        elif camera.id in self._with_digest:
            server_memory.forget_digest(url)
            self._with_digest.discard(camera.id)

    async def store_results(self, results: Mapping[str, ProbeResult], now: datetime) -> None:
        """Store what the probes learned.

        A rejected credential is not tried again until a person acts. A server that offered Digest is never again sent
        Basic.
        """
        refused = [camera for camera, result in results.items() if FaultFamily.AUTH in result.findings.found]
        with_digest = {camera for camera, result in results.items() if result.has_digest} - self._with_digest
        if not refused and not with_digest:
            return
        async with self._database.session() as session:
            if refused:
                fresh = update(Camera).where(Camera.id.in_(refused), Camera.refused_at.is_(None))
                await session.execute(fresh.values(refused_at=now))
            await store_digest_offer(session, with_digest, now)
        self._with_digest |= with_digest

    async def _probe(self, camera: Camera, stream: str, url: str, login: tuple[str, str] | None) -> ProbeResult:
        result = await self._fetch_keyframe(camera, stream, url, login)
        result.has_digest = server_memory.offered_digest(url)
        return result

    async def _fetch_keyframe(
        self, camera: Camera, stream: str, url: str, login: tuple[str, str] | None
    ) -> ProbeResult:
        if camera.refused_at is not None:
            return _failed(FaultFamily.AUTH)
        try:
            return ProbeResult([await self._keyframe_probe.keyframe(stream, url, login)])
        except CameraRefused:
            return _failed(FaultFamily.AUTH)
        except CameraUnreachable as e:
            return _failed(FaultFamily.UNREACHABLE, e.cause, str(e))
        except CameraError as e:
            log.info("%s: probe failed: %s", stream, e)
            return _failed(FaultFamily.NO_STREAM, e.cause, str(e))
        except ValueError as e:  # the address is invalid
            log.warning("%s: probe failed: %s", stream, error_message(e))
            return _failed(FaultFamily.NO_STREAM, StationFault.cause, error_message(e))


def _failed(family: FaultFamily, cause: str = "", said: str = "") -> ProbeResult:
    figures: EvidenceFigures = {"seconds": 0, "cause": cause, "said": said[:120]} if cause else {}
    return ProbeResult(findings=CheckFindings({family: figures}))


async def live_parent_faults(session: AsyncSession) -> list[Fault]:
    """Return the live faults of up-links and switches; cameras below them are not to blame."""
    query = select(Fault).where(Fault.family == FaultFamily.UPLINK, Fault.camera == "", Fault.state.in_(LIVE_STATES))
    return list(await session.scalars(query))


async def judge_parents(session: AsyncSession, number: int, now: datetime, pace: float) -> None:
    """Judge the parents of villages without recorded cameras from a round's probes.

    The counter watch judges the parents of all other villages.
    """
    cameras = await registry.cameras(session)
    recorded = {c.village for c in cameras if registry.watched_stream(c) is not None}
    probed = {c.id: c for c in cameras if c.village not in recorded and registry.probed_stream(c) is not None}
    if not probed:
        return
    newest = (
        select(Inspection.camera, Inspection.figures)
        .where(Inspection.round == number, Inspection.camera.in_(probed))
        .order_by(Inspection.id)
    )
    gone = {camera: "gone" in figures for camera, figures in await session.execute(newest)}
    groups = topology.parents(topology.child_of(probed[c]) for c in gone)
    down = {(p.kind, p.name): p for p in topology.parents_down(groups, {c for c, is_gone in gone.items() if is_gone})}
    live = {f.detail: f for f in await live_parent_faults(session)}
    for (kind, name), members in groups.items():
        parent = down.get((kind, name))
        if parent is None and name not in live:
            continue
        figures: EvidenceFigures | None = None
        if parent is not None:
            figures = {"kind": kind, "failing": parent.failing, "cameras": len(parent.cameras)}
        fault_log.record_inspection(
            session,
            fault_log.FaultSubject("", members[0].village, name),
            now,
            FaultFamily.UPLINK,
            live.get(name),
            figures,
            fault_log.FaultEvidence(),
            pace,
        )
