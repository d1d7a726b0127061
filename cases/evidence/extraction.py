"""Makes the packages of approved requests: plans what is in them from the archive, writes and seals them.

A request stays *extracting* until its package is sealed, so a killed process does it again from the start. What keeps a
package from being made (a segment that is still being written, a full disk) is stored with the request and tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.states import StreamKind
from cameras.tables import Camera
from cases.evidence import manifest as evidence_manifest
from cases.evidence import package, requests
from cases.evidence.manifest import ManifestCamera, ManifestGap
from cases.evidence.package import Further, PackagePlan, PlannedStream, Progress, SealedPackage
from cases.evidence.tables import EvidenceRequest, EvidenceState, EvidenceStep, EvidenceStepKind
from cases.tables import Case
from core import station_keys
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import ConflictError, MinwangError, NotFoundError
from core.json_types import JsonInput
from core.secrets import Vault
from nvr.archive.reader import ArchiveReader
from nvr.archive.segment_index import Segment
from nvr.media.mp4 import fmp4
from nvr.playback.sample_entries import describe_entry, sample_entries

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Extraction:
    """Makes packages in a folder, one at a time. `further`: viewing copies and documents (cases.evidence.package)."""

    database: Database
    reader: ArchiveReader
    vault: Vault
    clock: Clock
    folder: Path
    station: str
    further: Sequence[Further] = ()
    progress: dict[int, Progress] = field(default_factory=dict)  # by request, while its package is being written

    async def run_once(self) -> int:
        """Make the packages that are asked for; return how many were sealed. Problems are stored, not raised."""
        async with self.database.reading() as session:
            query = select(EvidenceRequest.id).where(EvidenceRequest.state == EvidenceState.EXTRACTING)
            waiting = list(await session.scalars(query.order_by(EvidenceRequest.id)))
        return sum([await self._try(number) for number in waiting])

    async def _try(self, number: int) -> bool:
        try:
            await self._make(number)
        except MinwangError as e:
            log.warning("evidence request %d: no package yet: %s", number, e)
            async with self.database.session() as session:
                row = await session.get_one(EvidenceRequest, number)
                if row.state is EvidenceState.EXTRACTING:
                    row.problem = str(e)[:300]
            return False
        return True

    async def _make(self, number: int) -> None:
        async with self.database.reading() as session:
            row = await session.get_one(EvidenceRequest, number)
            key = await station_keys.signing_key(session, self.vault)
        plan = await self.plan(row)
        progress = self.progress[number] = Progress()
        try:
            target = self.folder / row.number
            sealed = await asyncio.to_thread(_written, plan, target, key, progress, self.further)
        except FileNotFoundError as e:
            raise NotFoundError(
                f"footage was removed while it was copied ({e.filename})", ErrorCode.NOTHING_RECORDED
            ) from e
        except asyncio.CancelledError:
            progress.stop = True
            raise
        finally:
            del self.progress[number]
        async with self.database.session() as session:
            await self._seal(session, number, sealed, key.fingerprint)

    async def plan(self, row: EvidenceRequest) -> PackagePlan:
        """Return what the package of a request would hold: an approver sees the same.

        Raises NotFoundError (nothing is recorded), ConflictError (a segment is still being written).
        """
        streams: list[PlannedStream] = []
        gaps: list[ManifestGap] = []
        async with self.database.reading() as session:
            cameras = await _cameras(session, row.id)
            steps = await requests.steps_of(session, row.id)
            case = None if row.case is None else await session.get(Case, row.case)
        for camera in cameras:
            stream, segments = await self._segments(camera["id"], row.start_us, row.end_us)
            if segments:
                codec = await asyncio.to_thread(_codec, segments[0][1])
                streams.append(PlannedStream(camera["id"], stream, codec, segments))
            gaps += [
                {"camera": camera["id"], "start": evidence_manifest.local_time(span.start_us),
                 "end": evidence_manifest.local_time(span.end_us), "cause": span.cause.value}
                for span in await self.reader.coverage(stream, row.start_us, row.end_us)
                if span.cause
            ]  # fmt: skip
        if not streams:
            raise NotFoundError("nothing is recorded in this range", ErrorCode.NOTHING_RECORDED)
        return PackagePlan(
            row.number, self.station, self.clock.now(), _request(row, case), cameras, streams, gaps,
            evidence_manifest.custody_of((s.at, s.by, s.kind.value, s.detail) for s in steps),
        )  # fmt: skip

    async def _segments(self, camera: str, start_us: int, end_us: int) -> tuple[str, list[tuple[Segment, Path]]]:
        """Return the main stream's segments, or the sub-stream's where the main stream has none."""
        for kind in (StreamKind.MAIN, StreamKind.SUB):
            stream = f"{camera}/{kind.value}"
            found = await self.reader.segments(stream, start_us, end_us)
            if any(segment.open for segment, _ in found):
                raise ConflictError(
                    f"{stream}: the end of the range is still being written; the package is made when it is closed",
                    ErrorCode.EVIDENCE_STATE,
                )
            if found:
                return stream, found
        return f"{camera}/{StreamKind.MAIN.value}", []

    async def _seal(self, session: AsyncSession, number: int, sealed: SealedPackage, key: str) -> None:
        now, row = self.clock.now(), await session.get_one(EvidenceRequest, number, with_for_update=True)
        if row.state is not EvidenceState.EXTRACTING:  # withdrawn meanwhile
            await asyncio.to_thread(package.remove, sealed.folder)
            return
        row.state, row.due_at, row.problem = EvidenceState.SEALED, now + requests.COLLECTION_TIME, ""
        row.package, row.package_bytes = sealed.folder.name, sealed.bytes
        row.manifest_sha256, row.key = sealed.manifest_sha256, key
        detail = f"{sealed.files} files, {sealed.bytes} bytes, manifest {sealed.manifest_sha256}"
        session.add(EvidenceStep(request=row.id, kind=EvidenceStepKind.SEALED, at=now, by="system", detail=detail))
        await session.flush()
        await audit_trail.record(
            session, now, "system", AuditAction.EVIDENCE_SEAL, row.number, manifest=sealed.manifest_sha256,
            bytes=sealed.bytes, changed=list(sealed.changed), unhashed=len(sealed.unhashed),
        )  # fmt: skip
        await requests.release_holds(session, now, "system", row)


def _written(
    plan: PackagePlan, target: Path, key: station_keys.SigningKey, progress: Progress, further: Sequence[Further]
) -> SealedPackage:
    """Write the package; one of this name that no request knows (killed before it was stored) is replaced. Blocking."""
    package.remove(target)
    return package.write(plan, target, key, progress, further)


def _codec(path: Path) -> str:
    entry = sample_entries(fmp4.read_init(path))[0]
    return describe_entry(entry) if entry else "unknown"


def _request(row: EvidenceRequest, case: Case | None) -> dict[str, JsonInput]:
    return {
        "number": row.number, "case": case.number if case else "", "ground": row.ground.value,
        "ground_number": row.ground_number, "purpose": row.purpose, "recipient": row.recipient,
        "officers": [
            {"name": row.officer, "number": row.officer_number},
            {"name": row.second_officer, "number": row.second_officer_number},
        ],
        "start": evidence_manifest.local_time(row.start_us), "end": evidence_manifest.local_time(row.end_us),
        "utc_start": evidence_manifest.utc_time(row.start_us), "utc_end": evidence_manifest.utc_time(row.end_us),
    }  # fmt: skip


async def _cameras(session: AsyncSession, request: int) -> list[ManifestCamera]:
    found: list[ManifestCamera] = []
    for entry in await requests.cameras_of(session, request):
        row = await session.get(Camera, entry.camera)
        profile = row.profile if row is not None else {}
        longitude, latitude = profile.get("position") or (None, None)
        found.append(
            {"id": entry.camera, "name": row.name if row is not None else entry.camera, "village": entry.village,
             "latitude": latitude, "longitude": longitude, "azimuth": profile.get("azimuth")}
        )  # fmt: skip
    return found
