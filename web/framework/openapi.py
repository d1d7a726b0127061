"""Generates the OpenAPI 3.1 document from the registered routes."""

from __future__ import annotations

import functools
import re
from typing import TypeAlias, cast

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode, JsonSchemaValue

from core import __version__
from core.accounts.permissions import GRANTS, Permission, Role
from web.framework.routing import CSRF_HEADER, ReplyKind, Route

Schemas: TypeAlias = dict[str, JsonSchemaValue]  # by name

_DESCRIPTIONS = {ReplyKind.FILE: "The file", ReplyKind.SOCKET: "A WebSocket", ReplyKind.PAGE: "An HTML page"}
_REF = "#/components/schemas/{model}"


@functools.cache
def document(routes: tuple[Route, ...]) -> JsonSchemaValue:
    """Return the document; callers must not change it. Generated once, because that takes a second of CPU."""
    paths: dict[str, dict[str, JsonSchemaValue]] = {}
    schemas: Schemas = {"Error": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}}
    for r in routes:
        paths.setdefault(r.path, {})[r.method.lower()] = _operation(r, schemas)
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


# web.framework.enforcement refuses a request that a page of another site could have sent.
_OWN_SITE = {
    "name": CSRF_HEADER, "in": "header", "required": True, "schema": {"type": "string"},
    "description": "Any value, for example 1: a foreign page cannot set this header; without it the answer is 403",
}  # fmt: skip


def _operation(r: Route, schemas: Schemas) -> JsonSchemaValue:
    operation: JsonSchemaValue = {
        "operationId": r.handler.__name__,
        "summary": r.summary,
        "x-permission": r.permission.value,
        "x-roles": _roles(r.permission),
        "parameters": [
            {"name": n, "in": "path", "required": True, "schema": {"type": "string"}}
            for n in re.findall(r"{(\w+)", r.path)
        ],
        "responses": {
            "101" if r.reply_kind is ReplyKind.SOCKET else "200": _reply(r, schemas),
            "default": {"description": "Refused or failed", "content": _json({"$ref": "#/components/schemas/Error"})},
        },
    }
    if r.permission is not Permission.PUBLIC:
        operation["security"] = [{"session": []}, *([{"metricsToken": []}] if r.scraped else [])]
    if r.method != "GET":
        operation["parameters"].append(dict(_OWN_SITE))
    if r.query is not None:
        _collect(r.query, schemas, "validation")
        fields = schemas[r.query.__name__]
        operation["parameters"] += [
            {"name": n, "in": "query", "required": n in fields.get("required", []), "schema": s}
            for n, s in fields["properties"].items()
        ]
    if r.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(_collect(r.body, schemas, "validation"))}
    return operation


def _roles(permission: Permission) -> list[str]:
    if permission is Permission.PUBLIC:
        return ["nobody", *(role.value for role in Role)]
    return [role.value for role in Role if permission is Permission.SIGNED_IN or permission in GRANTS[role]]


def _reply(r: Route, schemas: Schemas) -> JsonSchemaValue:
    if r.reply is None and r.reply_kind is ReplyKind.JSON:
        return {"description": "Done", "content": _json({"type": "object"})}
    if r.reply is None:
        return {"description": _DESCRIPTIONS[r.reply_kind]}
    return {"description": "The answer", "content": _json(_collect(r.reply, schemas, "serialization"))}


def _collect(model: object, schemas: Schemas, mode: JsonSchemaMode) -> JsonSchemaValue:
    schema = TypeAdapter(cast(type[object], model)).json_schema(ref_template=_REF, mode=mode)
    schemas.update(schema.pop("$defs", {}))
    if "title" in schema and schema.get("type") == "object":
        schemas[schema["title"]] = schema
        return {"$ref": _REF.format(model=schema["title"])}
    return schema


def _json(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"application/json": {"schema": schema}}
