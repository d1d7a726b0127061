"""Acceptance of a camera (R-MASK-2): what two persons must have checked before the camera counts as accepted.

One account signs the checked facts (`propose`), another account confirms exactly these facts (`confirm`). If a fact
changes in between, it must be proposed again. Cameras accepted before there were two signatures keep the two names that
were typed then. The technical checklist (health.checks.checklist) says whether the camera works; the acceptance says
whether it may hang there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.records import AcceptanceFacts, SignedFacts
from cameras.registry import history
from cameras.tables import Acceptance, Camera, CameraChange
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, UsageError


class MaskState(StrEnum):
    """Whether the camera's picture needs privacy masks, and where they are."""

    NONE_NEEDED = "none_needed"
    IN_CAMERA = "in_camera"


class ProhibitedPlace(StrEnum):
    """Where no camera may be installed (Decree 799, article 8).

    Ticking a place states that the camera neither hangs there nor shows it.
    """

    GUEST_ROOMS = "guest_rooms"
    DORMITORIES = "dormitories"
    BATHS_TOILETS = "baths_toilets"
    CHANGING_ROOMS = "changing_rooms"
    PRIVATE_ROOMS = "private_rooms"


class MissingFact(StrEnum):
    """What somebody must still record before anybody can sign, in the order of collection."""

    PLACES = "places"
    FIELD_OF_VIEW = "field_of_view"
    MASKS = "masks"
    SIGN_PHOTO = "sign_photo"
    LEGAL_CLASS = "legal_class"
    RESPONSIBLE = "responsible"


class ConfirmObstacle(StrEnum):
    """Why a person cannot confirm an acceptance now."""

    PROPOSAL = "proposal"  # nobody proposed the current facts
    SECOND_PERSON = "second_person"  # the same person proposed it


PROHIBITED_PLACES = tuple(ProhibitedPlace)
DEVICE_FACTS = ("masks", "picture", "picture_sha256", "picture_by")  # facts that depend on the device installed there


def missing_facts(camera: Camera) -> list[MissingFact]:
    """Return the facts still missing before somebody can sign, in the order of collection."""
    facts: AcceptanceFacts = camera.acceptance or {}
    gaps = [
        (MissingFact.PLACES, set(facts.get("places") or []) != set(ProhibitedPlace)),
        (MissingFact.FIELD_OF_VIEW, not facts.get("picture")),
        (MissingFact.MASKS, facts.get("masks") not in tuple(MaskState)),
        (MissingFact.SIGN_PHOTO, not facts.get("sign_photo")),
        (MissingFact.LEGAL_CLASS, not camera.profile.get("legal_class")),
        (MissingFact.RESPONSIBLE, not camera.profile.get("responsible")),
    ]
    return [fact for fact, lacks in gaps if lacks]


def check(facts: AcceptanceFacts) -> None:
    """Raise UsageError for an unknown value."""
    if unknown := set(facts.get("places") or []) - set(ProhibitedPlace):
        raise UsageError(
            f"unknown place '{sorted(unknown)[0]}'; allowed: {', '.join(ProhibitedPlace)}",
            ErrorCode.PLACE_UNKNOWN,
            value=sorted(unknown)[0][:40],
            allowed=list(ProhibitedPlace),
        )
    if facts.get("masks") is not None and facts["masks"] not in tuple(MaskState):
        raise UsageError(
            f"masks must be {' or '.join(MaskState)}", ErrorCode.MASK_STATE_UNKNOWN, allowed=list(MaskState)
        )


def store_facts(session: AsyncSession, camera: Camera, facts: AcceptanceFacts, at: datetime, actor: str) -> None:
    """Store checked facts; None leaves a fact as it is. Raises UsageError for an unknown value."""
    check(facts)
    old: AcceptanceFacts = camera.acceptance or {}
    before = signed_facts(camera)
    new = {**old, **{k: v for k, v in facts.items() if v is not None}}
    if history.record_changes(session, camera.id, at, actor, old, new, "acceptance."):
        camera.acceptance = cast("AcceptanceFacts", new)  # both parts are AcceptanceFacts
        withdraw_if_changed(session, camera, before, at, actor)


def signed_facts(camera: Camera) -> SignedFacts:
    """Return the facts that a signature covers."""
    facts: AcceptanceFacts = camera.acceptance or {}
    return {
        "places": facts.get("places"),
        "masks": facts.get("masks"),
        "picture": facts.get("picture"),
        "picture_sha256": facts.get("picture_sha256"),
        "sign_photo": facts.get("sign_photo"),
        "sign_sha256": facts.get("sign_sha256"),
        "legal_class": camera.profile.get("legal_class"),
        "responsible": camera.profile.get("responsible"),
    }


def withdraw_if_changed(session: AsyncSession, camera: Camera, before: SignedFacts, at: datetime, actor: str) -> None:
    """Withdraw the acceptance if a signed fact changed. `before`: the `signed_facts` before the change.

    Every function that writes a signed fact calls this.
    """
    if signed_facts(camera) != before:
        _withdraw(session, camera, at, actor)


def forget_device(session: AsyncSession, camera: Camera, at: datetime, actor: str) -> None:
    """Remove the facts that depend on the device, after it was replaced; they must be checked and signed again."""
    old: AcceptanceFacts = camera.acceptance or {}
    new = {name: value for name, value in old.items() if name not in DEVICE_FACTS}
    if history.record_changes(session, camera.id, at, actor, old, new, "acceptance."):
        camera.acceptance = cast("AcceptanceFacts", new)  # a part of AcceptanceFacts
    _withdraw(session, camera, at, actor)


def _withdraw(session: AsyncSession, camera: Camera, at: datetime, actor: str) -> None:
    if camera.accepted_at is not None:
        history.record_change(session, camera.id, at, actor, "accepted_at", camera.accepted_at.isoformat(), None)
        camera.accepted_at = None


async def newest(session: AsyncSession, cameras: Sequence[str]) -> dict[str, Acceptance]:
    """Return the last proposed acceptance of each camera, by camera id."""
    last = select(func.max(Acceptance.id)).where(Acceptance.camera.in_(cameras)).group_by(Acceptance.camera)
    return {a.camera: a for a in await session.scalars(select(Acceptance).where(Acceptance.id.in_(last)))}


def is_current(found: Acceptance | None, camera: Camera) -> bool:
    """Return whether the signed facts equal the camera's current facts."""
    return found is not None and found.facts == signed_facts(camera)


def is_waiting(found: Acceptance | None, camera: Camera) -> bool:
    """Return whether a first signature under the current facts waits for the second."""
    return found is not None and found.confirmed_at is None and camera.accepted_at is None and is_current(found, camera)


def is_second(found: Acceptance | None, camera: Camera, actor: str) -> bool:
    """Return whether this person may view the pictures in order to sign second.

    The proposer and the person who took the picture may not.
    """
    taken_by = (camera.acceptance or {}).get("picture_by")  # unknown for pictures taken before this was recorded
    return (
        found is not None
        and is_waiting(found, camera)
        and taken_by is not None
        and actor not in (found.proposed_by, taken_by)
    )


def accepted_by(found: Acceptance | None, camera: Camera) -> list[str]:
    """Return the two accounts that signed, or the names typed before there were signatures."""
    if camera.accepted_at is None:
        return []
    if found is not None and found.confirmed_by is not None:
        return [found.proposed_by, found.confirmed_by]
    return [str(name) for name in (camera.acceptance or {}).get("checked_by") or []]


async def propose(session: AsyncSession, camera: Camera, at: datetime, actor: str) -> None:
    """Sign first. Raises ConflictError that names the missing facts."""
    if lacks := missing_facts(camera):
        raise ConflictError(
            f"{camera.id} cannot be accepted yet: {', '.join(lacks)} missing",
            ErrorCode.ACCEPTANCE_INCOMPLETE,
            camera=camera.id,
            lacks=list(lacks),
        )
    there = (await newest(session, [camera.id])).get(camera.id)
    if camera.accepted_at is not None or is_waiting(there, camera):
        return
    row = Acceptance(camera=camera.id, facts=signed_facts(camera), proposed_by=actor, proposed_at=at)
    session.add(row)
    await session.flush()
    history.record_change(session, camera.id, at, actor, "acceptance_proposed", None, actor)
    events.append(session, at, events.EventKind.CAMERA_ACCEPTANCE_PROPOSED, village=camera.village, camera=camera.id)
    await audit_trail.record(
        session, at, actor, AuditAction.CAMERA_ACCEPTANCE_PROPOSE, camera.id, acceptance=row.id, village=camera.village
    )


async def confirm(session: AsyncSession, camera: Camera, at: datetime, actor: str) -> None:
    """Sign second. Raises ConflictError if nobody proposed the current facts, ForbiddenError for the proposer."""
    if camera.accepted_at is not None:
        return
    row = (await newest(session, [camera.id])).get(camera.id)
    if row is not None:
        await session.refresh(row, with_for_update=True)  # two persons may confirm at once
    if row is None or not is_waiting(row, camera):
        raise ConflictError(
            f"no proposal matches the current record of {camera.id}; propose the acceptance first",
            ErrorCode.ACCEPTANCE_NOT_PROPOSED,
            camera=camera.id,
        )
    if row.proposed_by == actor:
        raise ForbiddenError(
            f"you proposed the acceptance of {camera.id}; another person must confirm it",
            ErrorCode.ACCEPTANCE_SAME_PERSON,
            camera=camera.id,
        )
    row.confirmed_by, row.confirmed_at = actor, at
    camera.accepted_at = at
    history.record_change(session, camera.id, at, actor, "accepted_at", None, at.isoformat())
    events.append(session, at, events.EventKind.CAMERA_ACCEPTED, village=camera.village, camera=camera.id)
    await audit_trail.record(
        session,
        at,
        actor,
        AuditAction.CAMERA_ACCEPT,
        camera.id,
        acceptance=row.id,
        proposed_by=row.proposed_by,
        village=camera.village,
    )


async def count_waiting(session: AsyncSession, scope: Villages) -> int:
    """Return the number of cameras of a scope whose first signature waits for the second."""
    query = (
        select(Acceptance, Camera)
        .join(Camera, Camera.id == Acceptance.camera)
        .where(Acceptance.confirmed_at.is_(None), Camera.accepted_at.is_(None), Camera.retired.is_(False))
        .where(village_in_scope(Camera.village, scope))
        .order_by(Acceptance.id)
    )
    newest_of = {camera.id: (found, camera) for found, camera in await session.execute(query)}
    return sum(is_waiting(found, camera) for found, camera in newest_of.values())


async def first_accepted(session: AsyncSession, cameras: Sequence[Camera]) -> dict[str, datetime]:
    """Return when each camera was accepted for the first time; cameras never accepted are omitted.

    A later acceptance, after a change, does not tell since when a camera is in use.
    """
    found = {c.id: c.accepted_at for c in cameras if c.accepted_at is not None}
    query = select(CameraChange).where(
        CameraChange.camera.in_([c.id for c in cameras]), CameraChange.field == "accepted_at"
    )
    for change in await session.scalars(query.order_by(CameraChange.id.desc())):
        # changes are read newest first, so the first one wins
        found[change.camera] = datetime.fromisoformat(str(change.old or change.new))
    return found


def blocking_reasons(found: Acceptance | None, camera: Camera, actor: str) -> list[ConfirmObstacle]:
    """Return the reasons why this person cannot confirm now."""
    if camera.accepted_at is not None:
        return []
    if found is None or not is_waiting(found, camera):
        return [ConfirmObstacle.PROPOSAL]
    return [ConfirmObstacle.SECOND_PERSON] if found.proposed_by == actor else []
