"""Read an inventory's YAML so that every problem can be reported with its line.

A text comes in; its values, its duplicate keys and its node tree come out. YAML's own loader gives neither duplicate
keys nor the lines of values.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

import yaml
from pydantic_core import ErrorDetails

Loc = tuple[str | int, ...]
YamlValue: TypeAlias = "str | int | float | bool | date | bytes | list[YamlValue] | dict[str, YamlValue] | None"


def read(text: str) -> tuple[yaml.Node | None, YamlValue, list[tuple[int, str]]]:
    """Return (node tree, values, [(line, duplicate key)]); the node is None for an empty text.

    Raises yaml.MarkedYAMLError.
    """
    loader = yaml.CSafeLoader(text)
    try:
        root = loader.get_single_node()
        return (root, *_ValueReader(loader).of(root)) if root is not None else (None, None, [])
    finally:
        loader.dispose()


class _ValueReader:
    """Converts YAML nodes to values and finds duplicate keys in one pass, because a town has half a million nodes."""

    def __init__(self, loader: yaml.CSafeLoader):
        self._loader = loader
        # values of nodes already converted: several aliases may refer to one anchor
        self._converted: dict[yaml.Node, list[YamlValue] | dict[str, YamlValue]] = {}
        self._duplicates: list[tuple[int, str]] = []

    def of(self, root: yaml.Node) -> tuple[YamlValue, list[tuple[int, str]]]:
        """Return (value, [(line, duplicate key)]). Raises yaml.MarkedYAMLError."""
        return self._value(root), self._duplicates

    def _value(self, node: yaml.Node) -> YamlValue:
        if isinstance(node, yaml.ScalarNode):
            is_text = node.tag == "tag:yaml.org,2002:str"
            scalar: YamlValue = node.value if is_text else self._loader.construct_object(node)
            return scalar
        if node in self._converted:
            return self._converted[node]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        found: list[YamlValue] = []
        self._converted[node] = found  # stored before it is filled: an alias may occur inside its own anchor
        found.extend(self._value(n) for n in node.value)
        return found

    def _mapping(self, node: yaml.MappingNode) -> dict[str, YamlValue]:
        found: dict[str, YamlValue] = {}
        self._converted[node] = found
        own = [(k, v) for k, v in node.value if k.tag != "tag:yaml.org,2002:merge"]
        for key, value in own:
            if key.value in found:
                self._duplicates.append((key.start_mark.line + 1, key.value))
            found[key.value] = self._value(value)
        if len(own) < len(node.value):
            self._loader.flatten_mapping(node)  # merge key `<<`: the merged entries come first
            found.update((k.value, self._value(v)) for k, v in node.value)
        return found


def line_of(root: yaml.Node, loc: Sequence[str | int]) -> int:
    """Return the 1-based line of the innermost existing node on the path."""
    node, line = root, root.start_mark.line
    for step in loc:
        child = _child(node, step)
        if child is None:
            break
        key, node = child
        line = key.start_mark.line
    return line + 1


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((k, v) for k, v in node.value if k.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def yaml_problem(error: yaml.MarkedYAMLError, name: str, text: str) -> str:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    if line <= len(lines) and "\t" in lines[line - 1]:
        return f"{name}:{line}: there is a tab in this line; indent with spaces"
    return f"{name}:{line}: not valid YAML: {error.problem}; check indentation, colons and quotes here"


def validation_problem(error: ErrorDetails) -> str:
    where = ".".join(str(s + 1 if isinstance(s, int) else s) for s in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            return f"'{where}': unknown key; remove it or correct its name"
        case "missing":
            return f"'{where}' is missing; add it"
        case "value_error":
            return f"'{where}': {error['ctx']['error']}"
        case "string_pattern_mismatch":
            limits = "may contain only lower-case letters, digits and '-', at most 40 characters"
            return f"'{where}': '{error['input']}' {limits}"
    return f"'{where}': {error['msg']} (found: {str(error['input'])[:60]!r})"
