"""Creates rows for every table of a schema from its columns, so that a new table is tested automatically."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa

from core.database import EnumText

EPOCH = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=timezone.utc)
Row = dict[str, Any]


def table_rows(metadata: sa.MetaData, first: int = 1, count: int = 3) -> Iterator[tuple[sa.Table, list[Row]]]:
    """Yield (table, rows numbered from `first`), parents before children.

    One row in three has NULLs in nullable columns.
    """
    for table in metadata.sorted_tables:
        if table.name != "alembic_version":
            yield table, [_row(table, n) for n in range(first, first + count)]


def _row(table: sa.Table, number: int) -> Row:
    row = {c.name: _value(c, number) for c in table.columns}
    if "also_security" in row:
        row["also_security"] = False  # a check wants it so unless the role is administrator
    return row


def _value(column: sa.Column[Any], number: int) -> Any:
    if column.nullable and number % 3 == 0:
        return None
    if column.foreign_keys:
        (key,) = column.foreign_keys
        column = key.column
    if isinstance(column.type, EnumText):
        members = [*column.type.enum.__members__.values()]
        return members[number % len(members)]
    kind = column.type.impl_instance if isinstance(column.type, sa.TypeDecorator) else column.type
    if isinstance(kind, sa.JSON):
        return {"number": number, "list": [1, 2.5, None, True, "文字 'quoted' \\"], "none": None}
    if isinstance(kind, sa.Boolean):
        return number % 2 == 0
    if isinstance(kind, sa.DateTime):
        return EPOCH + timedelta(days=number, microseconds=number)
    if isinstance(kind, sa.Date):
        return EPOCH.date() + timedelta(days=number)
    if isinstance(kind, sa.LargeBinary):
        return bytes(range(256)) + number.to_bytes(4, "big")
    if isinstance(kind, sa.BigInteger):
        return (1 << 40) * (0 if column.primary_key else 1) + number + (column.name == "end_us")  # after start_us
    if isinstance(kind, sa.Integer):
        return number
    if isinstance(kind, sa.Float | sa.Numeric):
        return number % 89 + 0.1  # also a valid latitude
    assert isinstance(kind, sa.String), f"{column}: rows of type {kind} cannot be made yet"
    return f"{column.table.name[:2]}{column.name[:4]}{number}村"[: kind.length]
