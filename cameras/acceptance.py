"""Acceptance of a camera (R-MASK-2): what two persons must have seen before it counts as one of the town's.

The technical list (health.checklist) says whether it works; this says whether it may hang there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cameras import history
from cameras.tables import Camera
from core import audit, events
from core.errors import ConflictError, UsageError

MASKS = ("none_needed", "in_camera")
# Places where none may hang (Decree 799, article 8); each is ticked: it is not there and does not look in.
PROHIBITED = ("guest_rooms", "dormitories", "baths_toilets", "changing_rooms", "private_rooms")


def missing(camera: Camera) -> list[str]:
    """What is still to be done: words of ours, in the order in which it is done."""
    facts: Mapping[str, Any] = camera.acceptance or {}
    checked = facts.get("checked_by") or []
    gaps = [
        ("places", set(facts.get("places") or []) != set(PROHIBITED)),
        ("two_persons", len({str(n).strip() for n in checked if str(n).strip()}) < 2),
        ("field_of_view", not facts.get("picture")),
        ("masks", facts.get("masks") not in MASKS),
        ("sign_photo", not facts.get("sign_photo")),
        ("legal_class", not camera.profile.get("legal_class")),
        ("responsible", not camera.profile.get("responsible")),
    ]
    return [name for name, lacks in gaps if lacks]


def fill(session: AsyncSession, camera: Camera, facts: Mapping[str, Any], at: datetime, actor: str) -> None:
    """Note what was checked. Raises UsageError for a value that there is not."""
    if unknown := set(facts.get("places") or []) - set(PROHIBITED):
        raise UsageError(f"places are {', '.join(PROHIBITED)}; there is no {sorted(unknown)[0]}")
    if facts.get("masks") is not None and facts["masks"] not in MASKS:
        raise UsageError(f"masks are {' or '.join(MASKS)}")
    old = camera.acceptance or {}
    new = {**old, **{k: v for k, v in facts.items() if v is not None}}
    if history.note_all(session, camera.id, at, actor, old, new, "acceptance."):
        camera.acceptance = new
        # Whatever is changed after the signature is signed anew.
        camera.accepted_at = None


async def accept(session: AsyncSession, camera: Camera, at: datetime, actor: str) -> None:
    """Sign. Raises ConflictError naming what is missing."""
    if lacks := missing(camera):
        raise ConflictError(f"{camera.id} cannot be accepted yet: {', '.join(lacks)} missing")
    if camera.accepted_at is not None:
        return
    camera.accepted_at = at
    history.note(session, camera.id, at, actor, "accepted_at", None, at.isoformat())
    events.append(session, at, "camera.accepted", village=camera.village, camera=camera.id)
    await audit.record(session, at, actor, "camera.accept", camera.id)
