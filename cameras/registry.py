"""The registry: what the inventory says, brought into the database and read from there.

`plan` compares, `apply` makes it so in one transaction, `export` writes an inventory back.
A camera that leaves the inventory is retired, never deleted: its footage and history stay.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras import history
from cameras.inventory import CameraEntry, Inventory, PolicyEntry, VillageEntry
from cameras.tables import Camera, Credential, Policy, Stream, Village, profile_of
from core import audit, events
from core.errors import ConflictError, NotFoundError, UsageError
from core.secrets import Vault

KINDS = ("main", "sub")
MOST_RETIRED = 0.05  # share of the cameras that may go without a second word
_STREAM_KEYS = ("engine", "record", "schedule", "audio")


@dataclass(slots=True)
class Plan:
    """What `apply` would change: ids, and for changed ones the fields as 'field: old → new'."""

    added: list[str] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=dict)
    retired: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.added or self.changed or self.retired)


async def plan(session: AsyncSession, inventory: Inventory) -> Plan:
    result = Plan()
    policies = {p.name: p for p in await session.scalars(select(Policy))}
    for policy in inventory.policies:
        _compare(result, f"policy {policy.name}", policies.get(policy.name), {"rules": _rules(policy)})
    villages = {v.code: v for v in await session.scalars(select(Village))}
    for village in inventory.villages:
        _compare(result, f"village {village.code}", villages.get(village.code), _village_values(village))
    cameras = {c.id: c for c in await session.scalars(select(Camera))}
    for entry in inventory.cameras:
        _compare(result, f"camera {entry.id}", cameras.get(entry.id), _camera_values(entry))
        if row := cameras.get(entry.id):
            _compare_streams(result, entry, row)
    wanted = {c.id for c in inventory.cameras}
    result.retired = [f"camera {c.id}" for c in cameras.values() if c.id not in wanted and not c.retired]
    return result


async def apply(session: AsyncSession, inventory: Inventory, at: datetime, actor: str, *, really: bool = False) -> Plan:
    """Make the registry equal to the inventory; returns what changed.

    Raises ConflictError where more than 5 % of the cameras would be retired, unless `really`.
    """
    cameras = {c.id: c for c in await session.scalars(select(Camera))}
    changes = await plan(session, inventory)
    in_use = sum(not c.retired for c in cameras.values())
    if len(changes.retired) > MOST_RETIRED * in_use and not really:
        raise ConflictError(
            f"this would retire {len(changes.retired)} of {in_use} cameras, which is more than 5 %: "
            "check that the file is whole, then say so with --really"
        )
    for credential in inventory.credentials:
        row = await session.get(Credential, credential.name)
        if row is None:
            session.add(Credential(name=credential.name, username=credential.username))
        else:
            row.username = credential.username
    for policy in inventory.policies:
        await session.merge(Policy(name=policy.name, rules=_rules(policy)))
    for village in inventory.villages:
        await session.merge(Village(code=village.code, **_village_values(village)))
    await session.flush()
    for entry in inventory.cameras:
        name = f"camera {entry.id}"
        if (known := cameras.get(entry.id)) is None:
            await add_camera(session, entry)
            history.note(session, entry.id, at, actor, "inventory", None, inventory.town)
        elif name in changes.changed:
            _change_camera(session, known, entry, at, actor)
    wanted = {c.id for c in inventory.cameras}
    for camera in cameras.values():
        if camera.id not in wanted and not camera.retired:
            camera.retired = True
            history.note(session, camera.id, at, actor, "retired", False, True)
    if not changes.empty:
        events.append(session, at, "inventory.applied", added=len(changes.added), changed=len(changes.changed))
        await audit.record(
            session, at, actor, "inventory.apply", inventory.town,
            added=len(changes.added), changed=len(changes.changed), retired=changes.retired,
        )  # fmt: skip
    return changes


async def export(session: AsyncSession, town: str) -> Inventory:
    """The registry as an inventory."""
    villages = [
        VillageEntry(
            code=v.code, name=v.name, boundary=v.boundary, area_km2=v.area_km2, population=v.population,
            subnets=v.subnets, funding=v.funding, quota_bytes=v.quota_bytes,
        )
        for v in await session.scalars(select(Village).order_by(Village.code))
    ]  # fmt: skip
    credentials = [
        {"name": c.name, "username": c.username} for c in await session.scalars(select(Credential).order_by(Credential.name))
    ]
    policies = [{"name": p.name, **p.rules} for p in await session.scalars(select(Policy).order_by(Policy.name))]
    cameras = [_entry(c) for c in await session.scalars(select(Camera).where(Camera.retired.is_(False)).order_by(Camera.id))]
    return Inventory.model_validate(
        {"town": town, "credentials": credentials, "policies": policies, "villages": villages, "cameras": cameras}
    )


async def set_password(session: AsyncSession, vault: Vault, name: str, password: str, at: datetime, actor: str) -> None:
    """Seal a credential's password; cameras that had refused it may be tried again."""
    row = await session.get(Credential, name)
    if row is None:
        raise NotFoundError(f"there is no credential '{name}'; add it to the inventory and apply that first")
    row.sealed = vault.seal(password, f"credential:{name}")
    for camera in await session.scalars(select(Camera).where(Camera.credential == name)):
        camera.refused_at, camera.auth_mode = None, None
    await audit.record(session, at, actor, "credential.set", name)


async def keep_login(session: AsyncSession, vault: Vault, name: str, user: str, password: str) -> None:
    """Seal user and password under a credential's name, new or not."""
    row = await session.get(Credential, name)
    if row is None:
        row = Credential(name=name, username=user)
        session.add(row)
    row.username, row.sealed = user, vault.seal(password, f"credential:{name}")
    await session.flush()


async def login(session: AsyncSession, vault: Vault, name: str | None) -> tuple[str, str] | None:
    """User and password of a credential; None where the camera names none or it has no password yet.

    `MINWANG_CREDENTIAL_<NAME>` in the environment stands in for the vault (foreground recording).
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
    """Cameras in use, within a scope of villages (None: all)."""
    query = select(Camera).where(Camera.retired.is_(False)).order_by(Camera.village, Camera.id)
    if villages is not None:
        query = query.where(Camera.village.in_(villages))
    return list(await session.scalars(query))


def watched_stream(camera: Camera) -> Stream | None:
    """The stream that patrol and search read: the sub-stream where it is recorded, else the main stream.

    A sub-stream's keyframes cost a fifth to decode.
    """
    recorded = {s.kind: s for s in camera.streams if s.record and s.url}
    return recorded.get("sub") or recorded.get("main")


def visited_stream(camera: Camera) -> Stream | None:
    """The stream that patrol visits where nothing of the camera is recorded: the sub-stream where there is one."""
    if watched_stream(camera) is not None:
        return None
    there = {s.kind: s for s in camera.streams if s.url}
    return there.get("sub") or there.get("main")


def free_id(taken: Collection[str], village: str) -> str:
    """The next number of a village: wangjia-001, wangjia-002 …"""
    return next(n for i in range(1, 100_000) if (n := f"{village}-{i:03d}") not in taken)


async def add_met(session: AsyncSession, village: str, name: str, address: str, credential: str | None) -> Camera:
    """A camera that was met, not ordered. Raises NotFoundError for a village or credential that there is not."""
    if await session.get(Village, village) is None:
        raise NotFoundError(f"there is no village '{village}'")
    if credential is not None and await session.get(Credential, credential) is None:
        raise NotFoundError(f"there is no credential '{credential}'; add it to the inventory first")
    number = free_id(set(await session.scalars(select(Camera.id))), village)
    entry = CameraEntry(id=number, name=name, village=village, address=address, credential=credential)
    return await add_camera(session, entry)


def change_profile(session: AsyncSession, camera: Camera, facts: dict[str, Any], at: datetime, actor: str) -> None:
    """Set some of a camera's fields as the inventory knows them. Raises UsageError for a value that it would refuse."""
    try:
        profile = profile_of(_entry(camera).model_copy(update=facts).model_dump(mode="json", exclude_none=True))
        CameraEntry.model_validate({**profile, "id": camera.id, "name": camera.name, "village": camera.village})
    except ValidationError as e:
        raise UsageError("; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors()[:3])) from e
    history.note_all(session, camera.id, at, actor, camera.profile, profile)
    camera.profile = profile


async def add_camera(session: AsyncSession, entry: CameraEntry) -> Camera:
    """A camera that the registry does not have yet."""
    camera = Camera(id=entry.id, **_camera_values(entry))
    session.add(camera)
    camera.streams = []
    _apply_streams(camera, entry)
    return camera


def _change_camera(session: AsyncSession, camera: Camera, entry: CameraEntry, at: datetime, actor: str) -> None:
    values = _camera_values(entry)
    old = {k: getattr(camera, k) for k in values if k != "profile"}
    history.note_all(session, camera.id, at, actor, old, {k: v for k, v in values.items() if k != "profile"})
    history.note_all(session, camera.id, at, actor, camera.profile, values["profile"])
    for key, value in values.items():
        if getattr(camera, key) != value:
            setattr(camera, key, value)
    _apply_streams(camera, entry)


def _apply_streams(camera: Camera, entry: CameraEntry) -> None:
    rows = {s.kind: s for s in camera.streams}
    for kind in KINDS:
        wanted = getattr(entry.streams, kind)
        if wanted is None:
            continue
        row = rows.get(kind)
        if row is None:
            row = Stream(id=f"{entry.id}/{kind}", camera=entry.id, kind=kind)
            camera.streams.append(row)
        for key in _STREAM_KEYS:
            setattr(row, key, getattr(wanted, key))
        if wanted.url is not None:
            row.url, row.from_inventory = wanted.url, True


def _rules(entry: PolicyEntry) -> dict[str, Any]:
    return entry.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)


def _village_values(entry: VillageEntry) -> dict[str, Any]:
    values = entry.model_dump(mode="json", exclude={"code"})
    values["area_km2"] = entry.area
    return values


def _camera_values(entry: CameraEntry) -> dict[str, Any]:
    return {
        "name": entry.name, "village": entry.village, "address": entry.address, "credential": entry.credential,
        "profile": profile_of(entry.model_dump(mode="json", exclude_none=True)), "retired": False,
    }  # fmt: skip


def _compare(result: Plan, name: str, row: Any, values: dict[str, Any]) -> None:
    if row is None:
        result.added.append(name)
        return
    differences = [f"{k}: {getattr(row, k)!r} → {v!r}" for k, v in values.items() if getattr(row, k) != v]
    if differences:
        result.changed.setdefault(name, []).extend(differences)


def _compare_streams(result: Plan, entry: CameraEntry, camera: Camera) -> None:
    rows = {s.kind: s for s in camera.streams}
    for kind in KINDS:
        wanted, row = getattr(entry.streams, kind), rows.get(kind)
        if wanted is None:
            continue
        if row is None:
            result.changed.setdefault(f"camera {entry.id}", []).append(f"streams.{kind}: added")
            continue
        pairs = [(key, getattr(row, key), getattr(wanted, key)) for key in _STREAM_KEYS]
        if wanted.url is not None:
            pairs.append(("url", row.url, wanted.url))
        for key, old, new in pairs:
            if old != new:
                result.changed.setdefault(f"camera {entry.id}", []).append(f"streams.{kind}.{key}: {old!r} → {new!r}")


def _entry(camera: Camera) -> CameraEntry:
    streams = {
        s.kind: {"url": s.url if s.from_inventory else None, **{key: getattr(s, key) for key in _STREAM_KEYS}}
        for s in camera.streams
    }
    return CameraEntry.model_validate(
        {
            "id": camera.id, "name": camera.name, "village": camera.village, "address": camera.address,
            "credential": camera.credential, **camera.profile, "streams": streams,
        }
    )  # fmt: skip
