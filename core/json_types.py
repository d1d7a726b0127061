"""The type of what can be stored as JSON: events, details of the audit trail, JSON columns that are built in code.

What is read back and has a known shape gets a TypedDict beside its column; what has none is `pydantic.JsonValue`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

# Covariant, unlike `pydantic.JsonValue`: a list[str] is one.
JsonInput: TypeAlias = "str | int | float | bool | Sequence[JsonInput] | Mapping[str, JsonInput] | None"
