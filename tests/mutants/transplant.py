"""Puts a mutant into modules that are imported already.

Other modules hold the functions and constants of the mutated one. So the mutated source is executed beside the module,
and its code, default values and constants replace those of the existing objects.
"""

from __future__ import annotations

import sys
import types
import warnings
from pathlib import Path
from typing import Any

from core.database import Base


def apply(path: Path, module: types.ModuleType, source: str) -> bool:
    """Replace what the mutated source changes in `module`; returns whether anything changed.

    Raises what executing the source raises.
    """
    mutated = types.ModuleType(module.__name__)
    mutated.__file__ = str(path)
    for value in list(vars(module).values()):  # a table can be declared once only
        if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "__table__"):
            Base.metadata.remove(value.__table__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source, str(path), "exec"), vars(mutated))
    changed = False
    for name, value in list(vars(module).items()):
        if name.startswith("__") or name not in vars(mutated):
            continue
        new = vars(mutated)[name]
        if isinstance(value, type) and value.__module__ == module.__name__:
            changed |= _class(value, new)
        elif isinstance(value, types.FunctionType):
            changed |= value.__module__ == module.__name__ and _function(value, new)
        elif repr(value) != repr(new) and " at 0x" not in repr(value):
            changed = True
            _rebind(name, value, new)
    return changed


def _rebind(name: str, value: Any, new: Any) -> None:
    for other in list(sys.modules.values()):
        if getattr(other, "__dict__", {}).get(name) is value:
            setattr(other, name, new)


def _class(live: type, new: type) -> bool:
    changed = False
    for name, value in list(vars(live).items()):
        other = vars(new).get(name)
        function, replacement = _plain(value), _plain(other)
        if function is None:
            continue
        if other is None or type(other) is not type(value) or replacement is None:
            changed = True
            setattr(live, name, other) if other is not None else delattr(live, name)
        else:
            changed |= _function(function, replacement)
    return changed


def _plain(value: Any) -> types.FunctionType | None:
    """Return the function behind a method, class method, static method or property."""
    if isinstance(value, property):
        value = value.fget
    value = getattr(value, "__func__", value)
    return value if isinstance(value, types.FunctionType) else None


def _function(live: types.FunctionType, new: types.FunctionType) -> bool:
    while hasattr(live, "__wrapped__") and hasattr(new, "__wrapped__"):
        live, new = live.__wrapped__, new.__wrapped__
    changed = False
    if live.__code__ != new.__code__:
        live.__code__, changed = new.__code__, True
    for name in ("__defaults__", "__kwdefaults__"):
        if repr(getattr(live, name)) != repr(getattr(new, name)) and " at 0x" not in repr(getattr(live, name)):
            setattr(live, name, getattr(new, name))
            changed = True
    return changed
