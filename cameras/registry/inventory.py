"""`inventory.yaml`: the town's villages and cameras, written by people and kept in version control.

`load` returns a validated Inventory or raises InventoryError with one message (file, line, remedy) for each problem,
all at once. The file contains no passwords: a camera names a credential, whose password is sealed in the vault.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from pydantic import ValidationError

from cameras.registry import inventory_yaml
from cameras.registry.inventory_entries import Inventory
from cameras.registry.inventory_yaml import Loc, line_of, validation_problem
from cameras.tables import LEGAL_RETENTION_DAYS
from core.errors import InventoryError


def load(path: Path) -> Inventory:
    """Read and check an inventory file. Raises InventoryError that lists every problem found."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as e:
        raise InventoryError([f"{path}: no such file; copy inventory.yaml of the project and edit it"]) from e
    except (OSError, UnicodeDecodeError) as e:
        raise InventoryError([f"{path}: cannot be read as UTF-8 text ({e}); save it as UTF-8"]) from e
    return parse(text, str(path))


def parse(text: str, name: str = "inventory.yaml") -> Inventory:
    """Like `load`, for a text; `name` is the file name in the messages."""
    with garbage_collection_paused():
        return _parse(text, name)


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Disable the garbage collector while an inventory is parsed.

    A town's file creates half a million objects that all stay alive; the collector would traverse them repeatedly (60 %
    of the parse time).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parse(text: str, name: str) -> Inventory:
    try:
        root, values, duplicates = inventory_yaml.read(text)
    except yaml.MarkedYAMLError as e:
        raise InventoryError([inventory_yaml.yaml_problem(e, name, text)]) from e
    if root is None:
        raise InventoryError([f"{name}:1: the file is empty; it needs town, villages and cameras"])
    if duplicates:
        raise InventoryError([f"{name}:{n}: duplicate key '{key}' in one entry; keep one" for n, key in duplicates])
    try:
        inventory = Inventory.model_validate(values)
    except ValidationError as e:
        raise InventoryError([f"{name}:{line_of(root, x['loc'])}: {validation_problem(x)}" for x in e.errors()]) from e
    problems = [f"{name}:{line_of(root, loc)}: {sentence}" for loc, sentence in _cross_checks(inventory)]
    if problems:
        raise InventoryError(problems)
    return inventory


def dump(inventory: Inventory) -> str:
    """Return the inventory as YAML text; `parse` restores the same inventory from it."""
    values = inventory.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False, default_flow_style=None, width=100)


HEADER = """\
# The town's inventory: villages and cameras (docs/cameras.md). Passwords never stand here.
# After a change: minwang inventory check, minwang inventory plan, minwang inventory apply
"""


def header(path: Path | None) -> str:
    """Return the comment lines at the top of a file, or the default ones for a new file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path else []
    except (OSError, UnicodeDecodeError):
        lines = []
    kept = list(itertools.takewhile(lambda line: line.startswith("#") or not line.strip(), lines))
    comments = "\n".join(kept).strip("\n")
    return f"{comments}\n\n" if comments else f"{HEADER}\n"


def _cross_checks(inventory: Inventory) -> Iterator[tuple[Loc, str]]:
    yield from _repeated("villages", "code", [v.code for v in inventory.villages])
    yield from _repeated("credentials", "name", [c.name for c in inventory.credentials])
    yield from _repeated("policies", "name", [p.name for p in inventory.policies])
    yield from _repeated("cameras", "id", [c.id for c in inventory.cameras])
    policies = {p.name for p in inventory.policies}
    villages = {v.code for v in inventory.villages}
    credentials = {c.name for c in inventory.credentials}
    for i, camera in enumerate(inventory.cameras):
        if camera.village not in villages:
            yield (
                ("cameras", i, "village"),
                f"camera '{camera.id}': there is no village '{camera.village}'; "
                "add it under villages or correct the code",
            )
        if camera.credential and camera.credential not in credentials:
            yield (
                ("cameras", i, "credential"),
                f"camera '{camera.id}': there is no credential '{camera.credential}'; add it under credentials",
            )
        if camera.policy and camera.policy not in policies:
            yield (
                ("cameras", i, "policy"),
                f"camera '{camera.id}': there is no policy '{camera.policy}'; add it under policies",
            )
        if sentence := retention_error(camera.id, camera.retention_days, camera.legal_class):
            yield ("cameras", i, "retention_days"), sentence
        if camera.address is None and camera.streams.main.url is None and not camera.site:
            yield (
                ("cameras", i),
                f"camera '{camera.id}': set an address (for ONVIF), streams.main.url, or the site of an ordered camera",
            )


def retention_error(camera: str, days: float | None, legal_class: str | None) -> str:
    """Return an error message if footage would be deleted before the legal 30 days without a stated class, else ''."""
    if days is None or days >= LEGAL_RETENTION_DAYS or legal_class:
        return ""
    return (
        f"camera '{camera}': {days:g} days is less than the legal minimum of "
        f"{LEGAL_RETENTION_DAYS:g} days for public places; "
        f"set its legal_class (docs/cameras.md) or at least {LEGAL_RETENTION_DAYS:g} days"
    )


def _repeated(section: str, key: str, values: Sequence[str]) -> Iterator[tuple[Loc, str]]:
    first: dict[str, int] = {}
    for i, value in enumerate(values):
        if value in first:
            yield (
                (section, i, key),
                f"duplicate {key} '{value}': entry {first[value] + 1} of {section} has the same one; use unique values",
            )
        first.setdefault(value, i)
