"""Acceptance of a camera (R-MASK-2): what two persons must have seen before it counts as one of the town's.

One account signs for what was checked (`propose`), another one confirms exactly that (`confirm`); whatever is changed in between
is proposed anew. Cameras that were accepted before there were two signatures keep the two names that were typed then.
The technical list (health.checks.checklist) says whether it works; this says whether it may hang there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import history
from cameras.tables import Acceptance, Camera, CameraChange
from core import events
from core.audit import audit_trail
from core.errors import ConflictError, ForbiddenError, UsageError

MASKS = ("none_needed", "in_camera")
# Places where none may hang (Decree 799, article 8); each is ticked: it is not there and does not look in.
PROHIBITED = ("guest_rooms", "dormitories", "baths_toilets", "changing_rooms", "private_rooms")
SIGNED = ("places", "masks", "picture", "picture_sha256", "sign_photo", "sign_sha256")
OF_DEVICE = ("masks", "picture", "picture_sha256", "picture_by")  # what is seen through the device that hangs there


def missing(camera: Camera) -> list[str]:
    """What is still to be done before somebody can sign: words of ours, in the order in which it is done."""
    facts: Mapping[str, Any] = camera.acceptance or {}
    gaps = [
        ("places", set(facts.get("places") or []) != set(PROHIBITED)),
        ("field_of_view", not facts.get("picture")),
        ("masks", facts.get("masks") not in MASKS),
        ("sign_photo", not facts.get("sign_photo")),
        ("legal_class", not camera.profile.get("legal_class")),
        ("responsible", not camera.profile.get("responsible")),
    ]
    return [name for name, lacks in gaps if lacks]


def check(facts: Mapping[str, Any]) -> None:
    """Raises UsageError for a value that there is not."""
    if unknown := set(facts.get("places") or []) - set(PROHIBITED):
        raise UsageError(f"places are {', '.join(PROHIBITED)}; there is no {sorted(unknown)[0]}")
    if facts.get("masks") is not None and facts["masks"] not in MASKS:
        raise UsageError(f"masks are {' or '.join(MASKS)}")


def fill(session: AsyncSession, camera: Camera, facts: Mapping[str, Any], at: datetime, actor: str) -> None:
    """Note what was checked. Raises UsageError for a value that there is not."""
    check(facts)
    old, before = camera.acceptance or {}, signed_facts(camera)
    new = {**old, **{k: v for k, v in facts.items() if v is not None}}
    if history.note_all(session, camera.id, at, actor, old, new, "acceptance."):
        camera.acceptance = new
        withdraw_if_changed(session, camera, before, at, actor)


def signed_facts(camera: Camera) -> dict[str, Any]:
    """What a signature stands for."""
    facts: Mapping[str, Any] = camera.acceptance or {}
    profile = {name: camera.profile.get(name) for name in ("legal_class", "responsible")}
    return {name: facts.get(name) for name in SIGNED} | profile


def withdraw_if_changed(
    session: AsyncSession, camera: Camera, before: Mapping[str, Any], at: datetime, actor: str
) -> None:
    """Whatever is changed after the signatures is signed anew. `before`: the `signed_facts` of before the change. Everything that
    writes one of them calls this."""
    if signed_facts(camera) != before:
        _withdraw(session, camera, at, actor)


def forget_device(session: AsyncSession, camera: Camera, at: datetime, actor: str) -> None:
    """Another device hangs there: what the former one showed is looked at and signed anew."""
    old = camera.acceptance or {}
    new = {name: value for name, value in old.items() if name not in OF_DEVICE}
    if history.note_all(session, camera.id, at, actor, old, new, "acceptance."):
        camera.acceptance = new
    _withdraw(session, camera, at, actor)


def _withdraw(session: AsyncSession, camera: Camera, at: datetime, actor: str) -> None:
    if camera.accepted_at is not None:
        history.note(session, camera.id, at, actor, "accepted_at", camera.accepted_at.isoformat(), None)
        camera.accepted_at = None


async def newest(session: AsyncSession, cameras: Sequence[str]) -> dict[str, Acceptance]:
    """The last acceptance that was proposed of each camera, by its id."""
    last = select(func.max(Acceptance.id)).where(Acceptance.camera.in_(cameras)).group_by(Acceptance.camera)
    return {a.camera: a for a in await session.scalars(select(Acceptance).where(Acceptance.id.in_(last)))}


def is_current(found: Acceptance | None, camera: Camera) -> bool:
    """Whether what was signed is what the camera's file says now."""
    return found is not None and found.facts == signed_facts(camera)


def is_waiting(found: Acceptance | None, camera: Camera) -> bool:
    """Whether a first signature under what the file says now waits for the second."""
    return found is not None and found.confirmed_at is None and camera.accepted_at is None and is_current(found, camera)


def is_second(found: Acceptance | None, camera: Camera, actor: str) -> bool:
    """Whether this person may look at the pictures in order to sign second: never who proposed it or took the picture."""
    taken_by = (camera.acceptance or {}).get("picture_by")  # unknown of pictures of before it was noted
    return (
        found is not None
        and is_waiting(found, camera)
        and taken_by is not None
        and actor not in (found.proposed_by, taken_by)
    )


def accepted_by(found: Acceptance | None, camera: Camera) -> list[str]:
    """The two accounts that signed; of a camera accepted before there were signatures, the names that were typed."""
    if camera.accepted_at is None:
        return []
    if found is not None and found.confirmed_by is not None:
        return [found.proposed_by, found.confirmed_by]
    return [str(name) for name in (camera.acceptance or {}).get("checked_by") or []]


async def propose(session: AsyncSession, camera: Camera, at: datetime, actor: str) -> None:
    """Sign first. Raises ConflictError naming what is missing."""
    if lacks := missing(camera):
        raise ConflictError(f"{camera.id} cannot be accepted yet: {', '.join(lacks)} missing")
    there = (await newest(session, [camera.id])).get(camera.id)
    if camera.accepted_at is not None or is_waiting(there, camera):
        return
    row = Acceptance(camera=camera.id, facts=signed_facts(camera), proposed_by=actor, proposed_at=at)
    session.add(row)
    await session.flush()
    history.note(session, camera.id, at, actor, "acceptance_proposed", None, actor)
    events.append(session, at, "camera.acceptance_proposed", village=camera.village, camera=camera.id)
    await audit_trail.record(
        session, at, actor, "camera.acceptance_propose", camera.id, acceptance=row.id, village=camera.village
    )


async def confirm(session: AsyncSession, camera: Camera, at: datetime, actor: str) -> None:
    """Sign second. Raises ConflictError where nobody proposed what the file says now, ForbiddenError for who proposed it."""
    if camera.accepted_at is not None:
        return
    row = (await newest(session, [camera.id])).get(camera.id)
    if row is not None:
        await session.refresh(row, with_for_update=True)  # two who confirm at once
    if row is None or not is_waiting(row, camera):
        raise ConflictError(f"nobody has proposed to accept {camera.id} as its file is now; propose it first")
    if row.proposed_by == actor:
        raise ForbiddenError(f"you proposed to accept {camera.id}; another person confirms it")
    row.confirmed_by, row.confirmed_at = actor, at
    camera.accepted_at = at
    history.note(session, camera.id, at, actor, "accepted_at", None, at.isoformat())
    events.append(session, at, "camera.accepted", village=camera.village, camera=camera.id)
    await audit_trail.record(
        session,
        at,
        actor,
        "camera.accept",
        camera.id,
        acceptance=row.id,
        proposed_by=row.proposed_by,
        village=camera.village,
    )


async def first_accepted(session: AsyncSession, cameras: Sequence[Camera]) -> dict[str, datetime]:
    """When each of some cameras was accepted for the first time; those that never were are left out. A later acceptance, of a
    changed file, says nothing about since when a camera is in use."""
    found = {c.id: c.accepted_at for c in cameras if c.accepted_at is not None}
    query = select(CameraChange).where(
        CameraChange.camera.in_([c.id for c in cameras]), CameraChange.field == "accepted_at"
    )
    for change in await session.scalars(query.order_by(CameraChange.id.desc())):
        found[change.camera] = datetime.fromisoformat(str(change.old or change.new))  # the first change is read last
    return found


def why_not(found: Acceptance | None, camera: Camera, actor: str) -> list[str]:
    """Why this person cannot confirm it now: words of ours."""
    if camera.accepted_at is not None:
        return []
    if found is None or not is_waiting(found, camera):
        return ["proposal"]
    return ["second_person"] if found.proposed_by == actor else []
