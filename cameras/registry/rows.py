"""Convert inventory entries to rows of the registry and back."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.records import CameraProfile, PolicyRules
from cameras.registry import acceptance, history
from cameras.registry.inventory_entries import CameraEntry, PolicyEntry, StreamEntry
from cameras.registry.inventory_merge import SUB_STREAM, Difference, EntryKind, Fields
from cameras.states import StreamKind
from cameras.tables import Camera, Credential, Policy, Stream, Village
from core.database import Base

_COLUMNS = ("name", "village", "address", "credential")
_NOT_IN_PROFILE = {"id", *_COLUMNS, "streams"}
_STREAM_KEYS = ("engine", "record", "schedule", "audio")


async def add_camera(session: AsyncSession, entry: CameraEntry) -> Camera:
    """Add a camera that the registry does not have yet."""
    camera = Camera(
        id=entry.id, name=entry.name, village=entry.village, address=entry.address, credential=entry.credential,
        profile=profile_of(entry), retired=False,
    )  # fmt: skip
    session.add(camera)
    camera.streams = []
    _apply_streams(camera, entry)
    return camera


def change_camera(
    session: AsyncSession, camera: Camera, differences: list[Difference], at: datetime, actor: str
) -> None:
    """Set single fields; values that the station learned for other fields stay."""
    streams = {s.kind: s for s in camera.streams}
    profile: dict[str, object] = dict(camera.profile)
    before = acceptance.signed_facts(camera)
    for change in differences:
        history.record_change(session, camera.id, at, actor, change.field, change.registry, change.file)
        section, _, key = change.field.removeprefix("streams.").partition(".")
        if change.field == SUB_STREAM:
            continue
        if change.field.startswith("streams."):
            _set_stream(camera, streams, StreamKind(section), key, change.file)
        elif change.field in _COLUMNS:
            setattr(camera, change.field, change.file)
            if change.field == "credential":  # the station's own account must be created again
                camera.account_state = camera.account_problem = None
        elif change.file is None:
            profile.pop(change.field, None)
        else:
            profile[change.field] = change.file
    if any(d.field == SUB_STREAM for d in differences):
        _stream(camera, streams, StreamKind.SUB)
    if profile != camera.profile:
        camera.profile = cast("CameraProfile", profile)  # the fields of a validated entry
        acceptance.withdraw_if_changed(session, camera, before, at, actor)


def _stream(camera: Camera, streams: dict[StreamKind, Stream], kind: StreamKind) -> Stream:
    if kind not in streams:
        defaults = StreamEntry().model_dump(include=set(_STREAM_KEYS))
        streams[kind] = Stream(id=f"{camera.id}/{kind}", camera=camera.id, kind=kind, from_inventory=False, **defaults)
        camera.streams.append(streams[kind])
    return streams[kind]


def _set_stream(
    camera: Camera, streams: dict[StreamKind, Stream], kind: StreamKind, key: str, value: JsonValue
) -> None:
    row = _stream(camera, streams, kind)
    if key == "url":
        url = value if isinstance(value, str) else None  # without a URL in the file, ONVIF sets it again
        row.url, row.from_inventory = url or row.url, url is not None
    else:
        setattr(row, key, value)


def _apply_streams(camera: Camera, entry: CameraEntry) -> None:
    rows = {s.kind: s for s in camera.streams}
    for kind in StreamKind:
        wanted = entry.streams.of(kind)
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


def rules_of(entry: PolicyEntry) -> PolicyRules:
    """Return the part of a policy that is stored as JSON."""
    rules = entry.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    return cast("PolicyRules", rules)  # pydantic's dump has no type; a test compares the fields


def profile_of(entry: CameraEntry) -> CameraProfile:
    """Return the part of an inventory entry that is stored as JSON."""
    profile = entry.model_dump(mode="json", exclude=_NOT_IN_PROFILE, exclude_none=True)
    return cast("CameraProfile", profile)  # pydantic's dump has no type; a test compares the fields


def entry_of(camera: Camera) -> CameraEntry:
    """Return the inventory entry of a camera's row; stream addresses learned over ONVIF are omitted."""
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


def set_retired(session: AsyncSession, camera: Camera, at: datetime, actor: str, *, retired: bool) -> None:
    """Retire a camera or restore it; its footage and history stay."""
    history.record_change(session, camera.id, at, actor, "retired", camera.retired, retired)
    camera.retired = retired


def new_row(kind: EntryKind, key: str, fields: Fields) -> Base:
    """Create the row of a policy, village or credential."""
    if kind is EntryKind.POLICY:
        return Policy(name=key, rules=rules_of(PolicyEntry.model_validate({"name": key, **fields})))
    return Village(code=key, **fields) if kind is EntryKind.VILLAGE else Credential(name=key, **fields)


async def update_row(session: AsyncSession, kind: EntryKind, key: str, values: Fields) -> None:
    """Set fields of the row of a policy, village or credential."""
    if not values:
        return
    if kind is EntryKind.POLICY:
        policy = await session.get_one(Policy, key)
        policy.rules = rules_of(PolicyEntry.model_validate({"name": key, **policy.rules, **values}))
        return
    row = await session.get_one(Village if kind is EntryKind.VILLAGE else Credential, key)
    for name, value in values.items():
        setattr(row, name, value)
