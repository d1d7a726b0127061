"""Generates the OpenAPI 3.1 document from the registered routes.

The console's client is generated from it (web/console/src/api/openapi.json), so its names are part of the interface:
a schema is named after its model, and a model that is read and written in different shapes (fields with defaults may
be left out of a request, but are always in an answer) is `X` in answers and `XInput` in requests.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeAlias, cast

from pydantic import JsonValue, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from core import __version__
from core.accounts.permissions import GRANTS, Permission, Role
from core.error_codes import ErrorCode
from web.framework.refusals import ErrorReply
from web.framework.routing import CSRF_HEADER, ReplyKind, Route

_Part: TypeAlias = tuple[str, JsonSchemaMode]  # what is described: an operation's "query", "body" or "reply"
_DESCRIPTIONS = {ReplyKind.FILE: "The file", ReplyKind.SOCKET: "A WebSocket", ReplyKind.PAGE: "An HTML page"}
_REF = "#/components/schemas/{model}"
# web.framework.enforcement refuses a request that a page of another site could have sent.
_OWN_SITE = {
    "name": CSRF_HEADER, "in": "header", "required": True, "schema": {"type": "string"},
    "description": "Any value, for example 1: a foreign page cannot set this header; without it the answer is 403",
}  # fmt: skip


class _Generator(GenerateJsonSchema):
    """Marks every field of an answer's model as required: answers contain their defaults."""

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        if self.mode == "serialization" and field["type"] != "typed-dict-field":
            return not field.get("serialization_exclude")
        return super().field_is_required(field, total)


@functools.cache
def document(routes: tuple[Route, ...]) -> JsonSchemaValue:
    """Return the document; callers must not change it. Generated once, because that takes a second of CPU.

    Raises ValueError if two models or two operations have the same name.
    """
    _refuse_duplicates("operation", (r.handler.__name__ for r in routes))
    parts, schemas = _schemas(routes)
    paths: dict[str, dict[str, JsonSchemaValue]] = {}
    for r in routes:
        paths.setdefault(r.path, {})[r.method.lower()] = _operation(r, parts, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Minwang 民网", "version": __version__, "license": {"name": "AGPL-3.0-only"}},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "minwang_session"},
                "metricsToken": {"type": "http", "scheme": "bearer", "description": "minwang metrics --new-token"},
            },
        },
    }


def text(routes: tuple[Route, ...]) -> str:
    """Return the document as it is stored for the console's build."""
    return json.dumps(document(routes), ensure_ascii=False, indent=2) + "\n"


def _schemas(routes: Iterable[Route]) -> tuple[dict[_Part, JsonSchemaValue], dict[str, JsonSchemaValue]]:
    """Return the schema of each part of the operations, and the schemas that they refer to, by name."""
    wanted: list[tuple[str, JsonSchemaMode, TypeAdapter[object]]] = [
        (f"{_key(r)} {part}", mode, TypeAdapter(cast(type[object], model)))
        for r in routes
        for part, mode, model in _models(r)
    ]
    wanted.append(("error", "serialization", TypeAdapter(ErrorReply)))
    parts, generated = TypeAdapter.json_schemas(wanted, ref_template=_REF, schema_generator=_Generator)
    found: dict[str, JsonSchemaValue] = generated["$defs"]
    new_names = {name: _public_name(name) for name in found} | {ErrorReply.__name__: "Error"}
    _refuse_duplicates("schema", new_names.values())
    schemas = {new_names[name]: _renamed(schema, new_names) for name, schema in sorted(found.items())}
    schemas["ErrorCode"]["x-parameters"] = {code.value: list(code.parameters) for code in ErrorCode}
    return {(key, mode): _renamed(schema, new_names) for (key, mode), schema in parts.items()}, schemas


def _models(r: Route) -> Iterator[tuple[str, JsonSchemaMode, object]]:
    for part, mode, model in (
        ("query", "validation", r.query),
        ("body", "validation", r.body),
        ("reply", "serialization", r.reply),
    ):
        if model is not None:
            yield part, cast(JsonSchemaMode, mode), model


def _public_name(generated: str) -> str:
    """Return the name of a schema. Raises ValueError where pydantic had to keep two models of one name apart."""
    if "__" in generated:
        raise ValueError(f"two models have the name of {generated}; rename one of them")
    name = generated.removesuffix("-Output").replace("-Input", "Input")
    return re.sub(r"\W+", "_", name).strip("_")


def _refuse_duplicates(what: str, names: Iterable[str]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{what} names must be unique, but occur twice: {', '.join(sorted(twice))}")


def _renamed(schema: JsonSchemaValue, names: dict[str, str]) -> JsonSchemaValue:
    """Return the schema with its references under their new names."""

    def rename(value: JsonValue) -> JsonValue:
        if isinstance(value, dict):
            return {
                k: _new_ref(v, names) if k == "$ref" and isinstance(v, str) else rename(v) for k, v in value.items()
            }
        return [rename(v) for v in value] if isinstance(value, list) else value

    return cast(JsonSchemaValue, rename(cast(JsonValue, schema)))


def _new_ref(ref: str, names: dict[str, str]) -> str:
    return _REF.format(model=names[ref.rpartition("/")[2]])


def _key(r: Route) -> str:
    return f"{r.method} {r.path}"


def _operation(r: Route, parts: dict[_Part, JsonSchemaValue], schemas: dict[str, JsonSchemaValue]) -> JsonSchemaValue:
    operation: JsonSchemaValue = {
        "operationId": r.handler.__name__,
        "summary": r.summary,
        "x-permission": r.permission.value,
        "x-roles": _roles(r.permission),
        "parameters": [*_path_parameters(r)],
        "responses": {
            "101" if r.reply_kind is ReplyKind.SOCKET else "200": _reply(r, parts),
            "default": {"description": "Refused or failed", "content": _json(parts["error", "serialization"])},
        },
    }
    if r.permission is not Permission.PUBLIC:
        operation["security"] = [{"session": []}, *([{"metricsToken": []}] if r.scraped else [])]
    if r.method != "GET":
        operation["parameters"].append(dict(_OWN_SITE))
    if r.query is not None:
        fields = schemas[parts[f"{_key(r)} query", "validation"]["$ref"].rpartition("/")[2]]
        operation["parameters"] += [
            {"name": n, "in": "query", "required": n in fields.get("required", []), "schema": s}
            for n, s in fields["properties"].items()
        ]
    if r.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(parts[f"{_key(r)} body", "validation"])}
    return operation


def _path_parameters(r: Route) -> Iterator[JsonSchemaValue]:
    for name in re.findall(r"{(\w+)", r.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _roles(permission: Permission) -> list[str]:
    if permission is Permission.PUBLIC:
        return ["nobody", *(role.value for role in Role)]
    return [role.value for role in Role if permission is Permission.SIGNED_IN or permission in GRANTS[role]]


def _reply(r: Route, parts: dict[_Part, JsonSchemaValue]) -> JsonSchemaValue:
    if r.reply is None:
        return {"description": _DESCRIPTIONS[r.reply_kind]}
    return {"description": "The answer", "content": _json(parts[f"{_key(r)} reply", "serialization"])}


def _json(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"application/json": {"schema": schema}}
