"""What the search routes share: the audit row of a query, and the found sightings as an answer. Has no routes."""

from __future__ import annotations

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from search.query import judgements
from search.store import Sighting, camera_numbers, ids, thumbnails
from search.store.vectors import Floats
from web.framework.context import AnyContext
from web.policy import visible_sighting
from web.views.sightings import SightingView, sighting_view

MAX_AUDITED_CAMERAS = 50  # names in the audit row of a query; the rest is counted


async def record_query(
    session: AsyncSession, c: AnyContext, action: AuditAction, body: BaseModel, reason: str, **more: str
) -> None:
    """Write the audit row of a search: the filter, the person, the reason."""
    asked = body.model_dump(mode="json", exclude_defaults=True, exclude={"limit"})
    if len(asked.get("cameras", ())) > MAX_AUDITED_CAMERAS:
        left_out = len(asked["cameras"]) - MAX_AUDITED_CAMERAS
        asked["cameras"] = [*asked["cameras"][:MAX_AUDITED_CAMERAS], f"and {left_out} more"]
    target = ",".join(asked.get("cls", ())) or "any"
    await audit_trail.record(
        session,
        c.services.clock.now(),
        c.identity.name,
        action,
        target,
        reason=reason,
        query=asked,
        by_session=c.identity.session,
        **more,
    )


def picture_of(c: AnyContext, sighting: Sighting) -> bytes:
    """Return the JPEG of a sighting. Blocking; call it from a thread. Raises NotFoundError."""
    try:
        return thumbnails.read(
            c.services.sighting_store.day_dir(ids.day_of(sighting.start_ms)), sighting.thumb, sighting.thumb_size
        )
    except OSError as e:
        raise NotFoundError("this picture is no longer kept", ErrorCode.PICTURE_NOT_KEPT) from e


async def sighting_vector(c: AnyContext, text: str) -> tuple[Sighting, Floats]:
    """Return a visible sighting and the vector of its appearance. Raises NotFoundError, also if it has no vector."""
    sighting, _ = await visible_sighting(c, text)
    found = await c.services.search_executor.run(c.services.sighting_store.vectors, [sighting])
    if sighting.id not in found:
        raise NotFoundError("this sighting has no vector to compare", ErrorCode.NO_VECTOR)
    return sighting, found[sighting.id]


async def sighting_views(c: AnyContext, rows: list[Sighting]) -> list[SightingView]:
    """Return sightings as the console shows them, with the verdict under the stated purpose; grants their pictures."""
    if not rows:
        return []
    # The caller has written an audit row for this list.
    c.services.footage_grants.grant_views(c.identity.session, c.identity.purpose, *(f"sighting {s.id}" for s in rows))
    async with c.services.database.reading() as session:
        known = await camera_numbers.places(session)
        verdicts = await judgements.verdicts(session, c.identity.purpose, [s.id for s in rows])
    return [sighting_view(s, known[s.camera], verdicts.get(s.id)) for s in rows if s.camera in known]
