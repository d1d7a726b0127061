"""The registry: the station's authoritative record of villages and cameras, in the database.

`plan` computes what an inventory file changes, `apply` makes these changes in one transaction, `export` returns an
inventory. An inventory file changes a registry value only where the file itself changed since it was last applied
(cameras.registry.inventory_merge), so values that the station learned are kept. A camera removed from the file is
retired, never deleted: its footage and history stay.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue, ValidationError
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import acceptance, history
from cameras.registry.inventory import garbage_collection_paused, retention_error
from cameras.registry.inventory_entries import CameraEntry, CredentialEntry, Inventory, PolicyEntry, VillageEntry
from cameras.registry.inventory_merge import Difference, EntryKind, Merge, entries_with_fields, merge
from cameras.registry.rows import add_camera, change_camera, entry_of, new_row, profile_of, set_retired, update_row
from cameras.states import StreamKind
from cameras.tables import Camera, Credential, InventoryApplied, Policy, Stream, Village
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, UsageError
from core.input_problems import input_problems
from core.network.authenticator import PlainPasswordLogin
from core.secrets import Vault

MAX_RETIRED_FRACTION = 0.05  # largest fraction of the cameras that `apply` retires without `confirm_retiring`


@dataclass(frozen=True, slots=True)
class RegistryPlan:
    """What `apply` would change, as text, and what stays."""

    merge: Merge
    last: InventoryApplied | None

    @property
    def empty(self) -> bool:
        return self.merge.empty

    @property
    def added(self) -> list[str]:
        return [" ".join(thing) for thing in self.merge.added]

    @property
    def changed(self) -> dict[str, list[str]]:
        """'kind key' → 'field: registry value → file value'."""
        found = {
            " ".join(thing): [f"{d.field}: {d.registry!r} → {d.file!r}" for d in differences]
            for thing, differences in self.merge.changed.items()
        }
        for camera in self.merge.restored:
            found.setdefault(f"camera {camera}", []).append("retired: True → False")
        return found

    @property
    def retired(self) -> list[str]:
        return [f"camera {camera}" for camera in self.merge.retired]

    @property
    def conflicts(self) -> dict[str, list[str]]:
        """'kind key' → 'field: file F, registry R, last applied A'."""
        return {
            " ".join(thing): [
                f"{d.field}: file {d.file!r}, registry {d.registry!r}, last applied {d.applied!r}" for d in differences
            ]
            for thing, differences in self.merge.conflicts.items()
        }


class ConflictPreference(StrEnum):
    """Whose value counts for a field that both the file and the registry changed."""

    FILE = "file"
    REGISTRY = "registry"


async def plan(session: AsyncSession, inventory: Inventory) -> RegistryPlan:
    """Compute what `apply` would change. See cameras.registry.inventory_merge for the rules."""
    with garbage_collection_paused():
        last = await last_applied(session)
        rows = list(await session.scalars(select(Camera).order_by(Camera.id)))
        there = await _as_inventory(session, "registry", rows)
        unchanged = last is not None and last.digest == digest(inventory)
        before = inventory if unchanged else Inventory.model_validate(last.content) if last else None
        return RegistryPlan(merge(before, inventory, there, frozenset(c.id for c in rows if c.retired)), last)


async def last_applied(session: AsyncSession) -> InventoryApplied | None:
    return await session.scalar(select(InventoryApplied).order_by(InventoryApplied.id.desc()).limit(1))


async def is_empty(session: AsyncSession) -> bool:
    """Return whether the registry holds no village and no camera, including retired ones."""
    return not any([await session.scalar(select(table).limit(1)) for table in (Village.code, Camera.id)])


def digest(inventory: Inventory) -> str:
    """Return the SHA-256 of an inventory's content; comments, key order and explicit defaults do not matter."""
    return hashlib.sha256(json.dumps(_content(inventory), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _content(inventory: Inventory) -> dict[str, JsonValue]:
    return inventory.model_dump(mode="json", exclude_defaults=True)


async def apply(
    session: AsyncSession,
    inventory: Inventory,
    at: datetime,
    actor: str,
    *,
    file: str = "",
    prefer: ConflictPreference | None = None,
    confirm_retiring: bool = False,
) -> RegistryPlan:
    """Apply to the registry what the file changed since it was last applied; store the file as the last applied one.

    Returns the changes. Raises ConflictError if file and registry both changed a field and `prefer` is not given, and
    if more than 5 % of the cameras would be retired, unless `confirm_retiring`.
    """
    changes = await plan(session, inventory)
    rows = {c.id: c for c in await session.scalars(select(Camera))}
    _check_plan(changes, sum(not c.retired for c in rows.values()), prefer, confirm_retiring=confirm_retiring)
    await _write_others(session, inventory, changes.merge, prefer)
    entries = {c.id: c for c in inventory.cameras}
    for kind, key in changes.merge.added:
        if kind is EntryKind.CAMERA:
            await add_camera(session, entries[key])
            history.record_change(session, key, at, actor, "inventory", None, inventory.town)
    for (kind, key), differences in changes.merge.changed.items():
        if kind is EntryKind.CAMERA:
            change_camera(session, rows[key], _accepted(differences, prefer), at, actor)
    for key in changes.merge.restored:
        set_retired(session, rows[key], at, actor, retired=False)
    for key in changes.merge.retired:
        set_retired(session, rows[key], at, actor, retired=True)
    await _record_applied(session, inventory, changes, at, actor, file)
    return changes


def _check_plan(
    changes: RegistryPlan, in_use: int, prefer: ConflictPreference | None, *, confirm_retiring: bool
) -> None:
    conflicts = [f"{thing}: {what}" for thing, those in changes.conflicts.items() for what in those]
    if conflicts and prefer is None:
        raise ConflictError(
            f"the file and the registry both changed {len(conflicts)} fields since the file was last applied, "
            f"the first: {conflicts[0]}; 'inventory plan' lists them; "
            "choose with --prefer file or --prefer registry",
            ErrorCode.INVENTORY_CONFLICT,
            count=len(conflicts),
        )
    if len(changes.retired) > MAX_RETIRED_FRACTION * in_use and not confirm_retiring:
        raise ConflictError(
            f"this would retire {len(changes.retired)} of {in_use} cameras, which is more than 5 %: "
            "check that the file is complete, then confirm with --really",
            ErrorCode.TOO_MANY_RETIRED,
            count=len(changes.retired),
            total=in_use,
        )


def _accepted(differences: list[Difference], prefer: ConflictPreference | None) -> list[Difference]:
    return [d for d in differences if not d.conflict or prefer is ConflictPreference.FILE]


async def _write_others(
    session: AsyncSession, inventory: Inventory, merge: Merge, prefer: ConflictPreference | None
) -> None:
    """Write credentials, policies and villages: new ones, and the accepted fields of existing ones."""
    wanted = dict(entries_with_fields(inventory))
    for (kind, key), fields in wanted.items():
        if kind is EntryKind.CAMERA:
            continue
        if (kind, key) in merge.added:
            session.add(new_row(kind, key, fields))
        else:
            values = {d.field: d.file for d in _accepted(merge.changed.get((kind, key), []), prefer)}
            await update_row(session, kind, key, values)
    await session.flush()


async def _record_applied(
    session: AsyncSession, inventory: Inventory, changes: RegistryPlan, at: datetime, actor: str, file: str
) -> None:
    """Store the file as the last applied one; an unchanged file without changes is not recorded."""
    now = digest(inventory)
    if changes.last is None or changes.last.digest != now:
        await session.execute(delete(InventoryApplied))
        session.add(InventoryApplied(at=at, actor=actor, file=file[:400], digest=now, content=_content(inventory)))
    elif changes.empty:
        return
    events.append(
        session, at, events.EventKind.INVENTORY_APPLIED, added=len(changes.added), changed=len(changes.changed)
    )
    await audit_trail.record(
        session, at, actor, AuditAction.INVENTORY_APPLY, inventory.town, added=len(changes.added),
        changed=len(changes.changed), retired=changes.retired, digest=now, file=file, conflicts=changes.conflicts,
    )  # fmt: skip


async def retire(
    session: AsyncSession, numbers: Sequence[str], at: datetime, actor: str, *, retired: bool, reason: str = ""
) -> list[str]:
    """Retire or restore cameras manually; return the ids of those that changed.

    Raises NotFoundError for unknown ids.
    """
    rows = {c.id: c for c in await session.scalars(select(Camera).where(Camera.id.in_(numbers)))}
    if missing := [n for n in numbers if n not in rows]:
        raise NotFoundError(
            f"there is no camera {', '.join(missing)}; 'cameras list' shows those in use",
            ErrorCode.CAMERA_NOT_FOUND,
            camera=missing[0],
        )
    changed = [c for c in rows.values() if c.retired != retired]
    for camera in changed:
        set_retired(session, camera, at, actor, retired=retired)
        action = AuditAction.CAMERA_RETIRE if retired else AuditAction.CAMERA_RESTORE
        await audit_trail.record(session, at, actor, action, camera.id, reason=reason, village=camera.village)
    return [c.id for c in changed]


async def export(session: AsyncSession, town: str) -> Inventory:
    """Return the registry as an inventory, without retired cameras."""
    query = select(Camera).where(Camera.retired.is_(False)).order_by(Camera.id)
    return await _as_inventory(session, town, await session.scalars(query))


async def _as_inventory(session: AsyncSession, town: str, cameras: Iterable[Camera]) -> Inventory:
    villages = [
        VillageEntry(
            code=v.code, name=v.name, boundary=v.boundary, area_km2=v.area_km2, population=v.population,
            subnets=v.subnets, funding=v.funding, quota_bytes=v.quota_bytes, own_account=v.own_account,
        )
        for v in await session.scalars(select(Village).order_by(Village.code))
    ]  # fmt: skip
    credentials = [
        CredentialEntry(name=c.name, username=c.username)
        for c in await session.scalars(select(Credential).order_by(Credential.name))
    ]
    policies = [
        PolicyEntry(name=p.name, **p.rules) for p in await session.scalars(select(Policy).order_by(Policy.name))
    ]
    entries = [entry_of(c) for c in cameras]
    return Inventory(town=town, credentials=credentials, policies=policies, villages=villages, cameras=entries)


async def set_password(session: AsyncSession, vault: Vault, name: str, password: str, at: datetime, actor: str) -> None:
    """Seal a credential's password; cameras that refused it are tried again. Raises NotFoundError."""
    row = await session.get(Credential, name)
    if row is None:
        raise NotFoundError(
            f"there is no credential '{name}'; add it to the inventory and apply that first",
            ErrorCode.CREDENTIAL_NOT_FOUND,
            name=name,
        )
    row.sealed = vault.seal(password, f"credential:{name}")
    for camera in await session.scalars(select(Camera).where(Camera.credential == name)):
        if camera.refused_at is not None:
            camera.problem = None  # the problem was the refused credential
        camera.refused_at, camera.auth_mode = None, None
    await audit_trail.record(session, at, actor, AuditAction.CREDENTIAL_SET, name)


async def seal_login(session: AsyncSession, vault: Vault, name: str, user: str, password: str) -> None:
    """Seal user and password under a credential's name; create the credential if needed."""
    row = await session.get(Credential, name)
    if row is None:
        row = Credential(name=name, username=user)
        session.add(row)
    row.username, row.sealed = user, vault.seal(password, f"credential:{name}")
    await session.flush()


async def stream_login(session: AsyncSession, vault: Vault, camera: Camera) -> tuple[str, str] | None:
    """Like `login`, for a camera's streams: PlainPasswordLogin if the camera's record allows a plain-text password."""
    found = await login(session, vault, camera.credential)
    return PlainPasswordLogin(found) if found is not None and allows_plain_password(camera) else found


def allows_plain_password(camera: Camera) -> bool:
    """Return whether the camera's record allows a plain-text password on its streams: only the value `true` does."""
    return isinstance(camera.profile, dict) and camera.profile.get("allow_clear_password") is True


async def login(session: AsyncSession, vault: Vault, name: str | None) -> tuple[str, str] | None:
    """Return user and password of a credential; None if `name` is None, unknown, or has no password yet.

    `MINWANG_CREDENTIAL_<NAME>` in the environment overrides the vault (foreground recording).
    """
    if name is None:
        return None
    row = await session.get(Credential, name)
    if row is None:
        return None
    from_environment = os.environ.get(f"MINWANG_CREDENTIAL_{name.upper().replace('-', '_')}")
    if from_environment is not None:
        return row.username, from_environment
    return (row.username, vault.open(row.sealed, f"credential:{name}")) if row.sealed else None


async def cameras(session: AsyncSession, villages: Sequence[str] | None = None) -> list[Camera]:
    """Return the cameras in use, limited to villages (None: all)."""
    query = select(Camera).where(Camera.retired.is_(False)).order_by(Camera.village, Camera.id)
    if villages is not None:
        query = query.where(Camera.village.in_(villages))
    return list(await session.scalars(query))


async def check_villages(session: AsyncSession, codes: Sequence[str], villages: Villages) -> None:
    """Check that the villages exist and lie within `villages` (None: all).

    Raises NotFoundError with the same message for an unknown village and one outside `villages`.
    """
    known = set(
        await session.scalars(
            select(Village.code).where(Village.code.in_(codes), village_in_scope(Village.code, villages))
        )
    )
    if missing := [v for v in codes if v not in known]:
        raise NotFoundError(f"there is no village '{missing[0]}'", ErrorCode.VILLAGE_NOT_FOUND, village=missing[0])


def watched_stream(camera: Camera) -> Stream | None:
    """Return the stream that patrol and search read: the sub-stream if it is recorded, else the recorded main stream.

    Decoding a sub-stream's keyframes costs a fifth of decoding the main stream's.
    """
    recorded = {s.kind: s for s in camera.streams if s.record and s.url}
    return recorded.get(StreamKind.SUB) or recorded.get(StreamKind.MAIN)


def probed_stream(camera: Camera) -> Stream | None:
    """Return the stream that patrol probes if no stream of the camera is recorded: the sub-stream if there is one."""
    if watched_stream(camera) is not None:
        return None
    there = {s.kind: s for s in camera.streams if s.url}
    return there.get(StreamKind.SUB) or there.get(StreamKind.MAIN)


def free_id(taken: Collection[str], village: str) -> str:
    """Return the next free id of a village: wangjia-001, wangjia-002 …"""
    return next(n for i in range(1, 100_000) if (n := f"{village}-{i:03d}") not in taken)


async def add_discovered_camera(
    session: AsyncSession, village: str, name: str, address: str, credential: str | None
) -> Camera:
    """Add a camera that discovery found. Raises NotFoundError for an unknown village or credential."""
    if await session.get(Village, village) is None:
        raise NotFoundError(f"there is no village '{village}'", ErrorCode.VILLAGE_NOT_FOUND, village=village)
    if credential is not None and await session.get(Credential, credential) is None:
        raise NotFoundError(
            f"there is no credential '{credential}'; add it to the inventory first",
            ErrorCode.CREDENTIAL_NOT_FOUND,
            name=credential,
        )
    number = free_id(set(await session.scalars(select(Camera.id))), village)
    entry = CameraEntry(id=number, name=name, village=village, address=address, credential=credential)
    return await add_camera(session, entry)


def change_profile(
    session: AsyncSession, camera: Camera, facts: Mapping[str, JsonValue], at: datetime, actor: str
) -> None:
    """Set inventory fields of a camera. Raises UsageError for a value that the inventory would reject."""
    try:
        profile = profile_of(entry_of(camera).model_copy(update=facts))
        entry = CameraEntry.model_validate({**profile, "id": camera.id, "name": camera.name, "village": camera.village})
    except ValidationError as e:
        raise UsageError(
            "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors()[:3]),
            ErrorCode.CAMERA_ENTRY_INVALID,
            fields=input_problems(e),
        ) from e
    if sentence := retention_error(camera.id, entry.retention_days, entry.legal_class):
        raise UsageError(sentence, ErrorCode.CAMERA_RETENTION_TOO_SHORT, camera=camera.id)
    before = acceptance.signed_facts(camera)
    history.record_changes(session, camera.id, at, actor, camera.profile, profile)
    camera.profile = profile
    acceptance.withdraw_if_changed(session, camera, before, at, actor)
