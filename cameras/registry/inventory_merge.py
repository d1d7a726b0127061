"""Three-way merge of an inventory file: the file as it was last applied, the file now, and the registry.

A registry field changes only where the file changed since it was last applied. If the registry holds a different value
by then (a followed address, a rotated credential), that is a conflict, which a person resolves. A field missing from
the file counts as its default. Pure functions; `cameras.registry.registry` reads and writes the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Final

from pydantic import BaseModel, JsonValue

from cameras.registry.inventory_entries import (
    CameraEntry,
    CredentialEntry,
    Inventory,
    PolicyEntry,
    StreamEntry,
    VillageEntry,
)
from cameras.states import StreamKind

SUB_STREAM: Final = "streams.sub"  # whether the camera has a sub-stream
Fields = dict[str, JsonValue]


class EntryKind(StrEnum):
    """A section of an inventory."""

    CAMERA = "camera"
    VILLAGE = "village"
    POLICY = "policy"
    CREDENTIAL = "credential"


EntryKey = tuple[EntryKind, str]  # with the id of a camera, the code of a village, the name of another entry


class _Unstated:
    def __repr__(self) -> str:
        return "nothing"


UNSTATED: Final = _Unstated()
"""Stands for a required field of an entry that the last applied file did not contain."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field whose file value changed and differs from the registry."""

    field: str
    applied: JsonValue | _Unstated
    file: JsonValue
    registry: JsonValue

    @property
    def conflict(self) -> bool:
        """Whether the registry changed too."""
        return bool(self.registry != self.applied)


@dataclass(slots=True)
class Merge:
    """What applying the file would change."""

    added: list[EntryKey] = field(default_factory=list)
    changed: dict[EntryKey, list[Difference]] = field(default_factory=dict)
    restored: list[str] = field(default_factory=list)  # retired cameras that are new in the file again
    retired: list[str] = field(default_factory=list)  # cameras that were removed from the file
    not_in_file: list[str] = field(default_factory=list)  # registry cameras that never were in the file: they stay
    kept_retired: list[str] = field(default_factory=list)  # in the file, but retired manually since it was applied

    @property
    def conflicts(self) -> dict[EntryKey, list[Difference]]:
        found = {thing: [d for d in differences if d.conflict] for thing, differences in self.changed.items()}
        return {thing: differences for thing, differences in found.items() if differences}

    @property
    def empty(self) -> bool:
        return not (self.added or self.changed or self.restored or self.retired)


def merge(
    applied: Inventory | None, file: Inventory, registry: Inventory, retired: frozenset[str] = frozenset()
) -> Merge:
    """Compute the merge.

    `applied`: the file as it was last applied, None if none was; `registry` includes retired cameras.
    """
    wanted, there = dict(entries_with_fields(file)), dict(entries_with_fields(registry))
    before = wanted if applied is file else dict(entries_with_fields(applied)) if applied else {}
    result = Merge()
    for thing, fields in wanted.items():
        kind, key = thing
        if thing not in there:
            result.added.append(thing)
            continue
        if kind is EntryKind.CAMERA and key in retired:
            (result.kept_retired if thing in before else result.restored).append(key)
        base: Mapping[str, JsonValue | _Unstated] = before.get(thing) or defaults(kind)
        if differences := list(_differences(base, fields, there[thing])):
            result.changed[thing] = differences
    for thing in there:
        kind, key = thing
        if kind is EntryKind.CAMERA and thing not in wanted and key not in retired:
            (result.retired if thing in before else result.not_in_file).append(key)
    return result


def _differences(applied: Mapping[str, JsonValue | _Unstated], file: Fields, registry: Fields) -> Iterator[Difference]:
    for name, value in file.items():
        if name == SUB_STREAM:
            if value and not registry[name]:  # a sub-stream that the file does not name stays
                yield Difference(name, False, True, False)
        elif value != applied[name] and value != registry[name]:
            yield Difference(name, applied[name], value, registry[name])


def entries_with_fields(inventory: Inventory) -> Iterator[tuple[EntryKey, Fields]]:
    """Yield every entry of an inventory with its fields."""
    for credential in inventory.credentials:
        yield (EntryKind.CREDENTIAL, credential.name), {"username": credential.username}
    for policy in inventory.policies:
        yield (EntryKind.POLICY, policy.name), policy.model_dump(mode="json", exclude={"name"})
    for village in inventory.villages:
        yield (EntryKind.VILLAGE, village.code), village_fields(village)
    for camera in inventory.cameras:
        yield (EntryKind.CAMERA, camera.id), camera_fields(camera)


def village_fields(entry: VillageEntry) -> Fields:
    return {**entry.model_dump(mode="json", exclude={"code"}), "area_km2": entry.area}


def camera_fields(entry: CameraEntry) -> Fields:
    """Return a camera's fields; stream fields are named 'streams.main.url' and so on."""
    fields: Fields = entry.model_dump(mode="json", exclude={"id", "streams"})
    fields[SUB_STREAM] = entry.streams.sub is not None
    for kind in StreamKind:
        stream = entry.streams.of(kind) or StreamEntry()
        fields |= {f"streams.{kind}.{key}": value for key, value in stream.model_dump(mode="json").items()}
    return fields


_MODELS: Mapping[EntryKind, tuple[type[BaseModel], str]] = {
    EntryKind.CREDENTIAL: (CredentialEntry, "name"),
    EntryKind.POLICY: (PolicyEntry, "name"),
    EntryKind.VILLAGE: (VillageEntry, "code"),
    EntryKind.CAMERA: (CameraEntry, "id"),
}


@cache
def defaults(kind: EntryKind) -> Mapping[str, JsonValue | _Unstated]:
    """Return the fields of an entry for which the file states nothing."""
    model, key = _MODELS[kind]
    blank = model.model_construct()
    plain = blank.model_dump(mode="json", warnings=False)
    if kind is EntryKind.CAMERA:
        plain = camera_fields(CameraEntry(id="x", name="x", village="x"))
    required = {name for name, info in model.model_fields.items() if info.is_required()}
    return {**plain, **dict.fromkeys(required - {key}, UNSTATED)}
