"""Every migration runs up and down with rows in every table, on both databases, and keeps all unrelated values."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from core import migrate
from core.database import UtcDateTime, sqlite_pragmas
from tests import postgres
from tests.rows import table_rows

# Columns whose values a revision changes on purpose, up or down: revision → {(table, column)}.
CHANGED: dict[str, set[tuple[str, str]]] = {}
# Tables that a revision empties on purpose.
EMPTIED: dict[str, set[str]] = {}

Rows = dict[str, Counter[tuple[Any, ...]]]


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    return ScriptDirectory.from_config(config)


REVISIONS = [script.revision for script in _scripts().walk_revisions()][::-1]


def test_revisions_are_named_in_the_order_in_which_they_follow_each_other() -> None:
    """Versions are compared by name: a backup's with the program's, a database's with the newest."""
    assert migrate.revisions() == REVISIONS == sorted(REVISIONS)


@pytest.fixture
def address(server_address: str, tmp_path: Path) -> Iterator[str]:
    """Address of an empty database."""
    if not server_address:
        yield f"sqlite:///{tmp_path / 'walk.db'}"
        return
    with postgres.empty_database(server_address) as own:
        yield own


class Station:
    """A database that is taken through the revisions."""

    def __init__(self, address: str):
        self.address = address
        self._columns: dict[str, list[str]] = {}
        self.engine = sa.create_engine(address)
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", sqlite_pragmas)
            sa.event.listen(self.engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))

    def go(self, action: str, revision: str) -> None:
        self.engine.dispose()
        migrate.run(self.address, action, revision)
        self._columns = {}

    def fill(self, first: int) -> None:
        """Write three rows into every table, numbered from `first`."""
        metadata = sa.MetaData()
        with self.engine.begin() as connection:
            metadata.reflect(connection)
            for table in metadata.tables.values():
                for column in table.columns:
                    if isinstance(column.type, sa.DateTime):
                        column.type = UtcDateTime()
            for table, rows in table_rows(metadata, first):
                connection.execute(sa.insert(table), rows)

    def rows(self, columns: dict[str, list[str]]) -> Rows:
        """Return how often each row occurs, as the database returns it, without SQLAlchemy's slow type conversion."""
        text = "::text" if self.engine.dialect.name == "postgresql" else ""
        with self.engine.begin() as connection:
            return {
                table: _counted(connection, table, [f'"{c}"{text}' for c in wanted])
                for table, wanted in columns.items()
            }

    def columns(self) -> dict[str, list[str]]:
        if not self._columns:
            found = sa.inspect(self.engine).get_multi_columns()
            self._columns = {
                name: [c["name"] for c in of] for (_, name), of in found.items() if name != "alembic_version"
            }
        return self._columns

    def schema(self) -> dict[str, Any]:
        """Return what must be equal in two schemas: columns, keys, indexes, checks, triggers; no order, no comments."""
        look = sa.inspect(self.engine)
        triggers = {
            "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' ORDER BY 1",
            "postgresql": "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        }
        with self.engine.begin() as connection:
            found = connection.exec_driver_sql(triggers[self.engine.dialect.name]).all()
        return {
            "triggers": found,
            "columns": _by_table(look.get_multi_columns(), lambda c: (c["name"], str(c["type"]), c["nullable"])),
            "keys": {table: key["constrained_columns"] for table, key in look.get_multi_pk_constraint().items()},
            "foreign": _by_table(
                look.get_multi_foreign_keys(), lambda k: (k["constrained_columns"], k["referred_table"], k["options"])
            ),
            "indexes": _by_table(look.get_multi_indexes(), lambda i: (i["name"], i["column_names"], bool(i["unique"]))),
            "unique": _by_table(look.get_multi_unique_constraints(), lambda u: sorted(u["column_names"])),
            "checks": _by_table(look.get_multi_check_constraints(), lambda c: c["name"]),
        }


def _counted(connection: sa.Connection, table: str, columns: list[str]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row) for row in connection.exec_driver_sql(f'SELECT {", ".join(columns)} FROM "{table}"'))


def _by_table(found: Any, what: Callable[[Any], object]) -> dict[str, list[str]]:
    return {table: sorted(str(what(one)) for one in of) for (_, table), of in found.items()}


@pytest.fixture
def station(address: str) -> Iterator[Station]:
    walking = Station(address)
    yield walking
    walking.engine.dispose()


def _common(revision: str, before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the columns on both sides of a revision whose values must survive it."""
    changed = CHANGED.get(revision, set())
    return {
        table: [c for c in columns if c in after[table] and (table, c) not in changed]
        for table, columns in before.items()
        if table in after and table not in EMPTIED.get(revision, set())
    }


def _step(station: Station, action: str, target: str, revision: str) -> None:
    """Go to `target` across a revision; columns on both sides must be the same afterwards."""
    before, kept = station.columns(), station.rows(station.columns())
    station.go(action, target)
    common = _common(revision, before, station.columns())
    expected = {
        table: _only(kept[table], [before[table].index(c) for c in columns]) for table, columns in common.items()
    }
    assert station.rows(common) == expected, f"{action} over {revision} changed rows"


def _only(rows: Counter[tuple[Any, ...]], positions: list[int]) -> Counter[tuple[Any, ...]]:
    cut: Counter[tuple[Any, ...]] = Counter()
    for row, count in rows.items():
        cut[tuple(row[i] for i in positions)] += count
    return cut


@pytest.mark.long
def test_every_revision_keeps_the_rows_on_its_way_up_and_down(station: Station) -> None:
    """Upgrade one by one, each with its own rows; downgrade to nothing; upgrade again with the rows left."""
    schemas = {}
    for number, revision in enumerate(REVISIONS):
        _step(station, "upgrade", revision, revision)
        schemas[revision] = station.schema()
        station.fill(1 + 3 * number)
    for older, revision in zip(REVISIONS[-2::-1], REVISIONS[:0:-1], strict=True):
        _step(station, "downgrade", older, revision)
        assert station.schema() == schemas[older], f"the way back over {revision} leaves another schema"
    for number, revision in enumerate(REVISIONS[1:], 1):
        _step(station, "upgrade", revision, revision)
        station.fill(1001 + 3 * number)
    station.go("downgrade", "base")
    assert station.columns() == {}
    station.go("upgrade", "head")
    assert station.schema() == schemas[REVISIONS[-1]]


def test_a_table_made_anew_keeps_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite changes some columns by copying the table; with foreign keys on, dropping the old one deletes children."""
    scripts = tmp_path / "migrations"
    shutil.copytree(migrate.SCRIPTS, scripts)
    (scripts / "versions" / "9999_anew.py").write_text(
        f"""import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "{REVISIONS[-1]}"
def upgrade():
    with op.batch_alter_table("camera") as batch:
        batch.alter_column("name", existing_type=sa.String(80), existing_nullable=False, type_=sa.String(90))
"""
    )
    station = Station(f"sqlite:///{tmp_path / 'anew.db'}")
    station.go("upgrade", "head")
    station.fill(1)
    before = station.rows(station.columns())
    monkeypatch.setattr(migrate, "SCRIPTS", scripts)
    station.go("upgrade", "head")
    assert station.rows(station.columns()) == before
    assert before["stream"]
    station.engine.dispose()
