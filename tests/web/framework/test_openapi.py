"""The API's document is fit for a generated client, and the stored copy that the console is built on is current."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, JsonValue, create_model

from core.accounts.permissions import Permission
from core.error_codes import ErrorCode
from web.api import ROUTES
from web.api.__main__ import DOCUMENT
from web.framework import openapi
from web.framework.context import Context
from web.framework.routing import ReplyKind, RouteTable


def _values(value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """Yield every name with its value, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)


def test_the_stored_document_is_current() -> None:
    stored = DOCUMENT.read_text(encoding="utf-8")
    assert stored == openapi.text(ROUTES), "run: .venv/bin/python -m web.api"


def test_every_reference_resolves_and_every_name_is_an_identifier() -> None:
    document = openapi.document(ROUTES)
    schemas = document["components"]["schemas"]
    references = {v for name, v in _values(document) if name == "$ref"}
    assert len(references) > 100
    assert references <= {f"#/components/schemas/{name}" for name in schemas}
    assert [name for name in schemas if not re.fullmatch(r"[A-Z]\w*", name)] == []


def test_operations_have_names_of_their_own() -> None:
    document = openapi.document(ROUTES)
    names = [o["operationId"] for path in document["paths"].values() for o in path.values()]
    assert len(set(names)) == len(names) == len(ROUTES)


def test_every_answer_has_a_model() -> None:
    for r in ROUTES:
        answer = openapi.document(ROUTES)["paths"][r.path][r.method.lower()]["responses"]
        if r.reply_kind is ReplyKind.JSON:
            schema = answer["200"]["content"]["application/json"]["schema"]
            assert schema not in ({}, {"type": "object"}), r.path
        assert answer["default"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_the_error_lists_all_codes() -> None:
    schemas = openapi.document(ROUTES)["components"]["schemas"]
    assert set(schemas["Error"]["required"]) == {"code", "params", "message"}
    assert schemas["Error"]["properties"]["code"] == {"$ref": "#/components/schemas/ErrorCode"}
    assert schemas["ErrorCode"]["enum"] == list(ErrorCode)
    assert set(schemas["ErrorCode"]["x-parameters"]["ptz_taken"]) <= set(schemas["ErrorParameters"]["properties"])


def test_path_variables_and_parameters_are_declared() -> None:
    for path, operations in openapi.document(ROUTES)["paths"].items():
        for operation in operations.values():
            declared = [(p["in"], p["name"]) for p in operation["parameters"]]
            assert len(set(declared)) == len(declared), path
            assert {n for where, n in declared if where == "path"} == set(re.findall(r"{(\w+)", path))


def test_fields_with_defaults_are_required_in_answers_only() -> None:
    schemas = openapi.document(ROUTES)["components"]["schemas"]
    assert set(schemas["Filter"]["required"]) == set(schemas["Filter"]["properties"])
    assert "required" not in schemas["FilterInput"]


def _route_table(*replies: type[BaseModel]) -> RouteTable:
    table = RouteTable()
    for number, reply in enumerate(replies):

        async def handler(_c: Context) -> None:
            """Do nothing."""

        handler.__name__ = f"handler_{number}"
        table.add("GET", f"/api/{number}", Permission.PUBLIC, reply=reply)(handler)
    return table


def test_two_models_of_one_name_are_refused() -> None:
    first, second = create_model("Same", a=(int, ...)), create_model("Same", b=(str, ...))
    with pytest.raises(ValueError, match="Same"):
        openapi.document(tuple(_route_table(first, second).routes))
    assert "Same" in openapi.document(tuple(_route_table(first, first).routes))["components"]["schemas"]


def test_two_operations_of_one_name_are_refused() -> None:
    route = _route_table(create_model("Single", a=(int, ...))).routes[0]
    with pytest.raises(ValueError, match="handler_0"):
        openapi.document((route, route))


def test_a_json_route_without_a_reply_is_refused() -> None:
    with pytest.raises(TypeError, match="state the type"):
        RouteTable().add("GET", "/api/x", Permission.PUBLIC)
