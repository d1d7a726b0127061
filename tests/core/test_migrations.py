"""Every migration runs up and down with rows in every table, on both databases, and keeps all unrelated values."""

from __future__ import annotations

import json
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
CHANGED: dict[str, set[tuple[str, str]]] = {"0045": {("wall_view", "layout")}}
# Tables that a revision empties on purpose.
EMPTIED: dict[str, set[str]] = {}
# Tables that a revision renames: revision → old name → new name.
RENAMED_TABLES: dict[str, dict[str, str]] = {
    "0036": {"look": "inspection", "camera_sight": "camera_baseline", "tour_verdict": "review_verdict"},
    "0037": {"seen_by": "camera_number", "search_pack": "model_pack"},
}
# Columns that a revision renames: revision → (new name of the table, old name) → new name.
RENAMED_COLUMNS: dict[str, dict[tuple[str, str], str]] = {
    "0036": {
        ("inspection", "untestable"): "unknown",
        ("camera_baseline", "thumb"): "thumbnail",
        ("camera_baseline", "patterned"): "pattern_pictures",
        ("camera_baseline", "sky_at"): "shared_weather_at",
        ("camera_baseline", "next_look_at"): "next_inspection_at",
        ("reference_scene", "thumb"): "thumbnail",
        ("patrol_round", "looked"): "inspected",
        ("fault", "looks"): "inspections",
        ("camera_day", "looked"): "inspected",
        ("work_order", "mend_by"): "repair_by",
        ("work_order", "mended_at"): "repaired_at",
    },
    "0037": {("index_state", "strikes"): "crashes"},
}

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
            # As a copied database: without a version, triggers that look at new rows let them pass.
            version = connection.scalar(sa.text("DELETE FROM alembic_version RETURNING version_num"))
            for table, rows in table_rows(metadata, first):
                connection.execute(sa.insert(table), rows)
            connection.execute(sa.text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})

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


def _newer(revision: str, table: str, column: str) -> tuple[str, str]:
    """Return the names that a table and its column have after the revision."""
    table = RENAMED_TABLES.get(revision, {}).get(table, table)
    return table, RENAMED_COLUMNS.get(revision, {}).get((table, column), column)


def _names(revision: str, columns: dict[str, list[str]]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the names of each column after the revision → its names on this side of it."""
    return {_newer(revision, table, c): (table, c) for table, of in columns.items() for c in of}


def _step(station: Station, action: str, target: str, revision: str) -> None:
    """Go to `target` over a revision; what is on both sides of it is the same afterwards."""
    before, kept = station.columns(), station.rows(station.columns())
    station.go(action, target)
    old, new = _names(revision, before), _names(revision, station.columns())
    changed, emptied = CHANGED.get(revision, set()), EMPTIED.get(revision, set())
    common: dict[str, list[str]] = {}
    expected: dict[str, list[str]] = {}
    renamed: dict[str, str] = {}
    for name, (table, column) in old.items():
        if name in new and (table, column) not in changed and table not in emptied:
            renamed[table] = new[name][0]
            expected.setdefault(table, []).append(column)
            common.setdefault(new[name][0], []).append(new[name][1])
    rows = station.rows(common)
    for table, columns in expected.items():
        positions = [before[table].index(c) for c in columns]
        assert rows[renamed[table]] == _only(kept[table], positions), f"{action} over {revision} changed {table}"


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


def test_revision_0037_keeps_the_rows_of_search(station: Station) -> None:
    """The tables and the column have new names; numbers of packs continue where they were."""
    parent = REVISIONS[REVISIONS.index("0037") - 1]
    station.go("upgrade", parent)
    before = {
        "seen_by": ["number", "camera", "village"],
        "search_pack": ["number", "name"],
        "index_state": ["stream", "position_us", "strikes", "keyframes"],
    }
    after = {
        "camera_number": ["number", "camera", "village"],
        "model_pack": ["number", "name"],
        "index_state": ["stream", "position_us", "crashes", "keyframes"],
    }
    with station.engine.begin() as connection:
        for statement in (
            "INSERT INTO seen_by (number, camera, village) VALUES (0, 'c-1', 'v'), (7, 'c-1', 'w')",
            "INSERT INTO search_pack (name) VALUES ('lab-stripes@1'), ('people@1')",
            "INSERT INTO index_state "
            "(stream, position_us, strikes, keyframes, decoded, detected, undecodable, skipped) "
            "VALUES ('c-1/main', 5, 2, 9, 0, 0, 0, 0)",
        ):
            connection.exec_driver_sql(statement)
    rows = list(station.rows(before).values())
    station.go("upgrade", "0037")
    assert list(station.rows(after).values()) == rows
    with station.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO model_pack (name) VALUES ('people@2')")
        assert connection.exec_driver_sql("SELECT number FROM model_pack WHERE name = 'people@2'").scalar() == 3
        connection.exec_driver_sql("DELETE FROM model_pack WHERE number = 3")
    station.go("downgrade", parent)
    assert list(station.rows(before).values()) == rows


FAMILIES_0036 = {
    "veil": "haze",
    "cast": "colour_cast",
    "covered_part": "partial_occlusion",
    "stripes": "banding",
    "mosaic": "blocking",
    "blurred_part": "blurred_part",
}


def _health_rows(station: Station, names: dict[str, str]) -> list[list[tuple[Any, ...]]]:
    """Return what revision 0036 changes, by the names of the tables and columns on this side of it."""
    queries = (
        f"SELECT findings, {names['unknown']}, figures FROM {names['inspection']}",
        "SELECT family, facts FROM fault",
        f"SELECT family FROM {names['review_verdict']}",
        "SELECT figures FROM daily_figures",
        "SELECT data FROM event",
        "SELECT figures FROM daily_register",
    )
    found = []
    with station.engine.begin() as connection:
        for query in queries:
            rows = connection.exec_driver_sql(query).all()
            found.append([tuple(json.loads(v) if v[:1] in "[{" else v for v in _texts(row)) for row in rows])
    return found


def _texts(row: Any) -> list[str]:
    """Return the values as text: PostgreSQL's driver parses JSON itself."""
    return [v if isinstance(v, str) else json.dumps(v) for v in row]


def test_revision_0036_renames_families_and_keys_and_leaves_what_was_signed(station: Station) -> None:
    old = {"inspection": "look", "unknown": "untestable", "review_verdict": "tour_verdict"}
    new = {"inspection": "inspection", "unknown": "unknown", "review_verdict": "review_verdict"}
    station.go("upgrade", "0035b")
    station.fill(1)
    with station.engine.begin() as connection:
        for number, family in enumerate(FAMILIES_0036, 1):
            signed = json.dumps({"faults": [{"family": family}], "by_cause": {family: 1}})
            findings, facts = {family: {"lost": 0.5}}, {"marks": [[1.0, True, "day"]], "light": "", "opened": [2.0]}
            values = {
                "findings": json.dumps(findings), "unknown": json.dumps([family, "moved"]),
                "figures": json.dumps({"sky": 1.0, "mean": 2.0}), "facts": json.dumps(facts), "family": family,
                "by_cause": json.dumps({"by_cause": {family: 3}, "faults": 3}), "signed": signed,
                "data": json.dumps({"family": family, "figures": {}}), "id": number, "day": f"2026-01-{number:02}",
            }  # fmt: skip
            for statement in (
                "UPDATE look SET findings = :findings, untestable = :unknown, figures = :figures WHERE id = :id",
                "UPDATE fault SET family = :family, facts = :facts WHERE id = :id",
                "UPDATE tour_verdict SET family = :family WHERE id = :id",
                "INSERT INTO daily_figures (day, kind, name, figures) VALUES (:day, 'town', '', :by_cause)",
                "UPDATE event SET data = :data WHERE id = :id",
                "INSERT INTO daily_register (day, figures, digest, signed_by, signed_at, remark) "
                "VALUES (:day, :signed, '', '', '2026-01-01 00:00:00+00:00', '')",
            ):
                used = {k: v for k, v in values.items() if f":{k}" in statement}
                connection.execute(sa.text(statement), used)
    before = _health_rows(station, old)
    station.go("upgrade", "0036")
    after = _health_rows(station, new)
    text = json.dumps(before[:5], sort_keys=True)
    for former, name in FAMILIES_0036.items():
        text = text.replace(f'"{former}"', f'"{name}"')
    for former, name in {"sky": "shared_weather", "marks": "votes", "opened": "openings"}.items():
        text = text.replace(f'"{former}":', f'"{name}":')
    assert [_ordered(rows) for rows in json.loads(text)] == [_ordered(rows) for rows in after[:5]]
    assert after[5] == before[5], "what was signed stays as it is"
    station.go("downgrade", "0035b")
    assert [_ordered(rows) for rows in _health_rows(station, old)] == [_ordered(rows) for rows in before]


def test_revision_0045_names_the_layouts_of_saved_views(station: Station) -> None:
    station.go("upgrade", "0044")
    columns = "name, layout, cells, owner, shared, changed_at"
    values = "'[]', 'o', false, '2026-01-01 00:00:00+00:00'"
    with station.engine.begin() as connection:
        for number in (4, 25):
            connection.exec_driver_sql(f"INSERT INTO wall_view ({columns}) VALUES ('n', {number}, {values})")

    def layouts() -> list[Any]:
        with station.engine.begin() as connection:
            return list(connection.exec_driver_sql("SELECT layout FROM wall_view ORDER BY id").scalars())

    station.go("upgrade", "0045")
    assert layouts() == ["4", "25"]
    with station.engine.begin() as connection:
        for layout in ("1+5", "1+7", "3"):
            connection.exec_driver_sql(f"INSERT INTO wall_view ({columns}) VALUES ('n', '{layout}', {values})")
    station.go("downgrade", "0044")
    assert layouts() == [4, 25, 6, 9, 4]


def test_revision_0055_lets_administrators_of_the_town_go_on_managing_accounts(station: Station) -> None:
    station.go("upgrade", "0054")
    columns = "name, display_name, role, villages, password_hash, disabled"
    people = [
        ("root", "administrator", "NULL"), ("second", "administrator", "'null'"),  # both mean the whole town
        ("local", "administrator", """'["wangjia"]'"""), ("zhang", "video_officer", "NULL"),
    ]  # fmt: skip
    with station.engine.begin() as connection:
        for name, role, villages in people:
            connection.exec_driver_sql(
                f"INSERT INTO \"user\" ({columns}) VALUES ('{name}', 'n', '{role}', {villages}, 'x', false)"
            )
        connection.exec_driver_sql(
            "INSERT INTO sign_in (token_hash, user_id, created_at, seen_at, purpose) "
            "VALUES ('t', 1, '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', '')"
        )
    station.go("upgrade", "0055")
    with station.engine.begin() as connection:
        rows = connection.exec_driver_sql('SELECT name FROM "user" WHERE also_security ORDER BY id').scalars()
        assert list(rows) == ["root", "second"]
        assert connection.exec_driver_sql("SELECT count(*) FROM sign_in").scalar() == 1
        connection.exec_driver_sql("UPDATE \"user\" SET role = 'security_administrator' WHERE name = 'zhang'")
    with pytest.raises(sa.exc.IntegrityError), station.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE \"user\" SET also_security = true WHERE name = 'zhang'")
    station.go("downgrade", "0054")
    with station.engine.begin() as connection:
        left = connection.exec_driver_sql("SELECT role FROM \"user\" WHERE name = 'zhang'").scalar()
        assert left == "administrator"  # the older release has nobody else who manages accounts


def _ordered(rows: Any) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


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
