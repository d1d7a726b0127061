"""Changes of a camera's file by a person: each field that changed becomes a row of its history.

The rules are those of the inventory (inventory_entries.CameraEntry), so a file exported afterwards can be applied
again. A change of what was signed withdraws the acceptance (cameras.registry.acceptance).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.onvif.addresses import host_port
from cameras.registry import acceptance, history
from cameras.registry.inventory import retention_error
from cameras.registry.inventory_entries import CameraEntry
from cameras.registry.rows import entry_of, profile_of
from cameras.tables import Camera, Credential
from core import events
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, UsageError
from core.input_problems import input_problems

NOT_EDITED = {"id", "village", "streams"}


async def edit(
    session: AsyncSession, camera: Camera, facts: Mapping[str, JsonValue], at: datetime, actor: str, reason: str
) -> list[str]:
    """Set fields of a camera's file by their names in the inventory; None removes a value. Returns those that changed.

    Raises UsageError for a value that the inventory would refuse, ConflictError for an address that another camera has,
    NotFoundError for an unknown credential.
    """
    entry = _validated(camera, facts)
    before, after = _fields(entry_of(camera)), _fields(entry)
    changed = sorted(name for name in {**before, **after} if before.get(name) != after.get(name))
    if not changed:
        return []
    await _check_references(session, camera, entry)
    signed = acceptance.signed_facts(camera)
    history.record_changes(session, camera.id, at, actor, before, after)
    camera.profile = profile_of(entry)
    if "credential" in changed:
        _use_credential(camera)
    camera.name, camera.address, camera.credential = entry.name, entry.address, entry.credential
    acceptance.withdraw_if_changed(session, camera, signed, at, actor)
    action = AuditAction.CAMERA_EDIT
    await audit_trail.record(
        session, at, actor, action, camera.id, reason=reason, village=camera.village,
        old={n: before.get(n) for n in changed}, new={n: after.get(n) for n in changed},
    )  # fmt: skip
    events.append(session, at, events.EventKind.CAMERA_CHANGED, village=camera.village, camera=camera.id)
    return changed


def _fields(entry: CameraEntry) -> dict[str, JsonValue]:
    return entry.model_dump(mode="json", exclude=NOT_EDITED, exclude_none=True)


def _use_credential(camera: Camera) -> None:
    """Forget what the station learned with the former credential: the camera is tried again."""
    if camera.refused_at is not None:
        camera.problem = None  # the problem was the refused credential
    camera.refused_at = camera.auth_mode = None
    camera.account_state = camera.account_problem = None


def _validated(camera: Camera, facts: Mapping[str, JsonValue]) -> CameraEntry:
    fields = entry_of(camera).model_dump(mode="json", exclude_none=True)
    if not_here := sorted(NOT_EDITED & facts.keys()):
        raise UsageError(f"'{not_here[0]}' cannot be changed here", ErrorCode.FIELD_NOT_EDITED, name=not_here[0])
    for name, value in facts.items():
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value
    try:
        entry = CameraEntry.model_validate(fields)
    except ValidationError as e:
        raise UsageError(
            "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors()[:3]),
            ErrorCode.CAMERA_ENTRY_INVALID,
            fields=input_problems(e),
        ) from e
    if sentence := retention_error(camera.id, entry.retention_days, entry.legal_class):
        raise UsageError(sentence, ErrorCode.CAMERA_RETENTION_TOO_SHORT, camera=camera.id)
    return entry


async def _check_references(session: AsyncSession, camera: Camera, entry: CameraEntry) -> None:
    if entry.credential is not None and await session.get(Credential, entry.credential) is None:
        raise NotFoundError(
            f"there is no credential '{entry.credential}'", ErrorCode.CREDENTIAL_NOT_FOUND, name=entry.credential
        )
    if entry.address is None or entry.address == camera.address:
        return
    query = select(Camera.address, Camera.id).where(Camera.address.is_not(None), Camera.retired.is_(False))
    for address, other in await session.execute(query):
        if other != camera.id and address is not None and host_port(address) == host_port(entry.address):
            raise ConflictError(
                f"the camera {other} has the address {entry.address}; change that one first",
                ErrorCode.ADDRESS_IN_USE,
                camera=other,
            )
