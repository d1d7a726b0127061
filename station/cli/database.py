"""`minwang database …`: status and check of the database, and moving it to another one."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from pydantic import ValidationError
from sqlalchemy import func, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core import migrate, settings_source
from core.audit.verification import Verifier
from core.database import Database
from core.database_kind import DatabaseKind
from core.errors import StorageError, UsageError
from core.host import station_lock
from core.settings import DataSettings, Settings
from station.cli.base import as_json, cli, print_result, run, settings_of, with_database


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """Versions are revisions of the schema; `rows`: number of rows of each table."""

    address: str  # without its password
    version: str | None
    newest: str
    bytes: int
    rows: dict[str, int]


@cli.group()
def database() -> None:
    """The station's database: status, check, copy, migrate."""


@database.command()
@as_json
@click.pass_context
def status(ctx: click.Context, json_output: bool) -> None:
    """Show its address, version, size and the rows of each table."""
    from station.schema import METADATA

    async def work(db: Database, settings: Settings) -> DatabaseStatus:
        async with db.reading() as session:
            rows = {
                t.name: int(await session.scalar(select(func.count()).select_from(t)) or 0)
                for t in METADATA.sorted_tables
            }
            size = await _size(session, settings)
        address = make_url(settings.database_url).render_as_string(hide_password=True)
        return DatabaseStatus(address, await migrate.version(db), migrate.newest(), size, rows)

    found = with_database(ctx, work)
    lines = [f"{found.address}: version {found.version}, {found.bytes / 1e6:.1f} MB"]
    lines += [f"{count:12}  {name}" for name, count in found.rows.items() if count]
    print_result(asdict(found), json_output, lambda: "\n".join(lines))


async def _size(session: AsyncSession, settings: Settings) -> int:
    if DatabaseKind.of_url(settings.database_url) is DatabaseKind.SQLITE:
        pages, size = await session.scalar(text("PRAGMA page_count")), await session.scalar(text("PRAGMA page_size"))
        return int(pages or 0) * int(size or 0)
    return int(await session.scalar(text("SELECT pg_database_size(current_database())")) or 0)


@database.command()
@as_json
@click.pass_context
def check(ctx: click.Context, json_output: bool) -> None:
    """Check for damage: SQLite's own check of pages, indexes and references; the chain of the audit trail."""

    async def work(db: Database, settings: Settings) -> list[str]:
        found = await Verifier(db, settings.data.dir.absolute()).verify_all_rows()
        return [f"audit trail: {found.problem}"] if found.problem else []

    settings = settings_of(ctx)
    problems = _damage(settings)
    if not problems:
        problems = with_database(ctx, work)
    print_result({"problems": problems}, json_output, lambda: "\n".join(problems) or "no damage found")
    if problems:
        raise StorageError(f"the database is damaged ({len(problems)}); restore it from the backup (docs/backup.md)")


def _damage(settings: Settings) -> list[str]:
    if DatabaseKind.of_url(settings.database_url) is not DatabaseKind.SQLITE:
        return []  # PostgreSQL checks its references itself, and its pages if checksums are enabled
    path = Path(make_url(settings.database_url).database or "")
    if not path.is_file():
        raise StorageError(f"{path}: there is no database")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=15)
    try:
        found = [str(r[0]) for r in connection.execute("PRAGMA integrity_check(20)") if r[0] != "ok"]
        found += [
            f"{r[0]}: row {r[1]} names a row of {r[2]} that is not there"
            for r in connection.execute("PRAGMA foreign_key_check")
        ]
    except sqlite3.Error as e:
        found = [str(e)]
    finally:
        connection.close()
    return found


@database.command()
@click.option(
    "--to",
    "target",
    required=True,
    help="Address of the empty database: postgresql:///minwang, sqlite:////path/minwang.db",
)
@as_json
@click.pass_context
def copy(ctx: click.Context, target: str, json_output: bool) -> None:
    """Copy everything into another, empty database, and compare it row by row. The station must not run.

    Run the command again to continue an interrupted copy. Afterwards set data.database and start the station. Put a
    password into ~/.pgpass, not into the address: other users see the command line.
    """
    from station import database_copy

    settings, address = settings_of(ctx), _address(target)
    tell = (lambda _: None) if json_output else click.echo
    with station_lock.hold(settings.data.dir, "database copy"):
        done = database_copy.copy(settings.database_url, address, tell)
        days = _copy_sightings(settings, address)
        database_copy.finish(address)
    facts = {"rows": done.rows, "digests": done.digests, "sightings": days, "resumed": done.resumed}
    total = sum(done.rows.values())
    print_result(
        facts,
        json_output,
        lambda: (
            f"{total} rows of {len(done.rows)} tables and {sum(days.values())} sightings are the same in both; now set "
            f"data.database"
        ),
    )


def _address(text: str) -> str:
    try:
        return DataSettings(database=text).database
    except ValidationError as e:
        raise UsageError(f"--to: {settings_source.validation_message(e.errors()[0])}") from e


def _copy_sightings(settings: Settings, address: str) -> dict[str, int]:
    """Copy the sightings; returns day → number. Their pictures stay in the data folder."""
    from search.store import SightingStore
    from search.store.copying import copy_day
    from search.store.upkeep import sighting_store_of

    source = sighting_store_of(settings)
    target = SightingStore(source.folder, address)
    try:
        return {day: copy_day(source, target, day) for day in sorted(source.days())}
    finally:
        source.close()
        target.close()


@database.command("migrate")
@click.option(
    "--to",
    "revision",
    help="Version to go to, e.g. 0009; default: the newest. Backwards what only newer ones store is dropped.",
)
@click.pass_context
def migrate_to(ctx: click.Context, revision: str | None) -> None:
    """Migrate the schema to a version. A station upgrades at its start; only this command downgrades."""
    settings = settings_of(ctx)
    if revision is not None and revision not in migrate.revisions():
        raise UsageError(f"there is no version '{revision}'; there are: {', '.join(migrate.revisions())}")

    async def work() -> None:
        db = Database(settings.database_url)
        try:
            present = await migrate.version(db)
            if revision is not None and present is not None and revision < present:
                await migrate.downgrade(db, revision)
            else:
                await migrate.upgrade(db, revision)
        finally:
            await db.close()

    with station_lock.hold(settings.data.dir, "database migrate"):
        run(work())
    click.echo(f"version {revision or migrate.newest()}")
