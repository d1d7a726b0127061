"""The row of a sighting: one object seen by one camera from its first moment to its last (a track).

A person who crosses the street is one row, whatever the number of keyframes: the boxes are in `path`. The same table is
in every day's SQLite file and, partitioned by day, in PostgreSQL.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from search.store import ids

METADATA = sa.MetaData(schema="sightings")
BOX_UNITS = 10_000  # boxes are stored as integers, in units of 1/BOX_UNITS of the picture
GRID_CELLS = 8  # `cells`: 8×8 cells, one bit each
MAX_PATH_POINTS = 64

_small = sa.SmallInteger
SIGHTING = sa.Table(
    "sighting",
    METADATA,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
        comment="First moment, camera and count (search.store.ids)",
    ),
    sa.Column("end_ms", sa.BigInteger, nullable=False, comment="Last moment, ms UTC"),
    sa.Column("best_ms", sa.BigInteger, nullable=False, comment="When the kept picture was taken, ms UTC"),
    sa.Column("camera", _small, nullable=False, comment="Number of camera and village (table camera_number)"),
    sa.Column("cls", _small, nullable=False, comment="search.vocabulary.Cls"),
    sa.Column("score", _small, nullable=False, comment="Best score of the detector, thousandths"),
    sa.Column(  # stored name: docs/search.md, "The store"
        "looks", _small, key="detections", nullable=False, comment="Keyframes on which it was seen"
    ),
    sa.Column("upper", _small, nullable=False, comment="Strongest colour of the upper part or of a vehicle; 0 none"),
    sa.Column(
        "upper2", _small, comment="Second colour of it; null: none, so that the partial index needs no second condition"
    ),
    sa.Column("lower", _small, nullable=False, comment="Strongest colour of the lower part"),
    sa.Column("lower2", _small, comment="Second colour of it, or null"),
    sa.Column("upper_share", _small, nullable=False, comment="Weight of the strongest colour, per cent"),
    sa.Column("lower_share", _small, nullable=False, comment="Weight of the strongest colour, per cent"),
    sa.Column(
        "tone", _small, nullable=False, comment="Infra-red: upper tone × 4 + lower tone; 0: colours were visible"
    ),
    sa.Column("attributes", sa.Integer, nullable=False, comment="search.vocabulary.Attribute"),
    sa.Column("known", sa.Integer, nullable=False, comment="Attributes that were judged at all"),
    sa.Column("direction", _small, nullable=False, comment="search.vocabulary.Direction"),
    sa.Column("speed", _small, nullable=False, comment="search.vocabulary.Speed"),
    sa.Column("x", _small, nullable=False, comment="Box in the kept picture, ten-thousandths of its width"),
    sa.Column("y", _small, nullable=False),
    sa.Column("w", _small, nullable=False),
    sa.Column("h", _small, nullable=False),
    sa.Column(
        "cells", sa.BigInteger, nullable=False, comment="Where it stood: a bit for each of 8×8 parts of the picture"
    ),
    sa.Column(
        "path",
        sa.LargeBinary,
        nullable=False,
        comment="ms since the first moment, foot x, foot y, height: at most 64 times",
    ),
    sa.Column("plate", sa.String(12), nullable=False, comment="Registration, where a pack reads it; else empty"),
    sa.Column("pack", _small, nullable=False, comment="Number of the detector (table model_pack)"),
    sa.Column("embedder", _small, nullable=False, comment="Number of the pack that made the vector; 0 none"),
    sa.Column("vector", sa.Integer, nullable=False, comment="Place in that pack's shard of this day; -1 none"),
    sa.Column("thumb", sa.BigInteger, nullable=False, comment="Offset of the JPEG in the day's pack file; -1 none"),
    sa.Column("thumb_size", sa.Integer, nullable=False, comment="Its bytes"),
)
_c = SIGHTING.c
BY_UPPER = sa.Index("sighting_upper", _c.cls, _c.upper, _c.lower)
BY_UPPER2 = sa.Index(
    "sighting_upper2",
    _c.cls,
    _c.upper2,
    _c.lower,
    sqlite_where=_c.upper2.is_not(None),
    postgresql_where=_c.upper2.is_not(None),
)
BY_LOWER = sa.Index("sighting_lower", _c.cls, _c.lower)
BY_LOWER2 = sa.Index(
    "sighting_lower2",
    _c.cls,
    _c.lower2,
    _c.upper,
    sqlite_where=_c.lower2.is_not(None),
    postgresql_where=_c.lower2.is_not(None),
)
BY_CLASS = sa.Index("sighting_cls", _c.cls)
BY_CAMERA = sa.Index("sighting_camera", _c.camera, _c.cls, _c.id, _c.upper, _c.upper2, _c.lower, _c.lower2)

PROGRESS = sa.Table(
    "progress", METADATA,
    sa.Column("day", sa.String(8), primary_key=True),
    sa.Column("stream", sa.String(150), primary_key=True, comment="Or stream~from~pack of a reading once more"),
    sa.Column("position_us", sa.BigInteger, nullable=False, comment="Keyframes up to here are in, µs UTC"),
)  # fmt: skip
PENDING = sa.Table(
    "fresh",  # stored name: docs/search.md, "The store"
    METADATA,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("day", sa.String(8), nullable=False, index=True),
    sa.Column(
        "sighting", sa.BigInteger, nullable=False, comment="New or improved sighting; the watch list checks it once"
    ),
)

_POINT = struct.Struct("<IHHH")


class Point(NamedTuple):
    """A point of a track: ms UTC; foot point and height in ten-thousandths of the picture."""

    at_ms: int
    x: int
    y: int
    h: int


@dataclass(slots=True)
class Sighting:
    """A row; the fields have the keys and the order of the table's columns."""

    id: int
    end_ms: int
    best_ms: int
    camera: int
    cls: int
    score: int
    detections: int = 1
    upper: int = 0
    upper2: int = 0
    lower: int = 0
    lower2: int = 0
    upper_share: int = 0
    lower_share: int = 0
    tone: int = 0
    attributes: int = 0
    known: int = 0
    direction: int = 0
    speed: int = 0
    x: int = 0
    y: int = 0
    w: int = 0
    h: int = 0
    cells: int = 0
    path: bytes = b""
    plate: str = ""
    pack: int = 0
    embedder: int = 0
    vector: int = -1
    thumb: int = -1
    thumb_size: int = 0

    @property
    def start_ms(self) -> int:
        return ids.milliseconds(self.id)

    def as_row(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in NAMES} | {
            "upper2": self.upper2 or None,
            "lower2": self.lower2 or None,
        }

    def as_tuple(self) -> tuple[object, ...]:
        """Return `as_row` as a tuple in the order of the columns; faster."""
        values = list(_VALUES(self))
        values[_NULLABLE[0]], values[_NULLABLE[1]] = self.upper2 or None, self.lower2 or None
        return tuple(values)

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Sighting:
        """Create a sighting from a row of the table."""
        found = cls(*row)
        found.upper2, found.lower2 = found.upper2 or 0, found.lower2 or 0
        return found


NAMES = tuple(f.name for f in fields(Sighting))
_VALUES = attrgetter(*NAMES)
_NULLABLE = (NAMES.index("upper2"), NAMES.index("lower2"))
assert tuple(c.key for c in SIGHTING.columns) == NAMES


def pack_path(points: Sequence[Point]) -> bytes:
    """Pack a path. While there are more than MAX_PATH_POINTS points, drops every second one except the ends."""
    kept = list(points)
    while len(kept) > MAX_PATH_POINTS:
        kept = [*kept[:-1:2], kept[-1]]
    first = kept[0].at_ms if kept else 0
    return b"".join(_POINT.pack(min(p.at_ms - first, 2**32 - 1), p.x, p.y, p.h) for p in kept)


def unpack_path(first_ms: int, packed: bytes) -> list[Point]:
    return [Point(first_ms + dt, x, y, h) for dt, x, y, h in _POINT.iter_unpack(packed)]


def cell_bit(x: float, y: float) -> int:
    """Return the bit of the cell that contains a point (0…1), as a signed 64-bit mask."""
    column, row = min(GRID_CELLS - 1, max(0, int(x * GRID_CELLS))), min(GRID_CELLS - 1, max(0, int(y * GRID_CELLS)))
    return signed(1 << row * GRID_CELLS + column)


def signed(mask: int) -> int:
    """Return 64 bits as a signed integer, as databases store them."""
    mask &= 2**64 - 1
    return mask - 2**64 if mask >= 2**63 else mask
