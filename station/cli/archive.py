"""`minwang archive …`: verify the archive, manage holds, show deletions and the forecast."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from cameras.states import StreamKind
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import DAY_US, SystemClock, from_microseconds
from core.database_kind import DatabaseKind
from core.errors import UsageError
from core.host import station_lock, system_user
from core.settings import Settings
from station.cli.base import (
    SettingsRequirement,
    as_json,
    cli,
    parse_time_us,
    print_result,
    reason_option,
    require_reason,
    settings_of,
    with_database,
)

if TYPE_CHECKING:
    from core.database import Database
    from nvr.archive.integrity.verify import Findings
    from nvr.archive.retention.forecast import Forecast
    from nvr.archive.retention.retention_clock import ClockReport
    from nvr.tables import FootageDeletion, Hold


@cli.group()
def archive() -> None:
    """Manage the archive of footage."""


@archive.command("verify")
@click.option("--repair", is_flag=True, help="Repair what is found; only while no recorder runs.")
@click.option("--hash", "hash_files", is_flag=True, help="Read every file and compare its SHA-256.")
@click.option(
    "--reason", default="", help="Why it is repaired (needed with --repair); it is written into the audit trail."
)
@as_json
@click.pass_context
def archive_verify(ctx: click.Context, repair: bool, hash_files: bool, reason: str, json_output: bool) -> None:
    """Compare index and files in both directions."""
    if repair:
        require_reason(reason)

    async def work(database: Database, settings: Settings) -> Findings:
        return await _verify(database, settings, repair=repair, hash_files=hash_files, reason=reason)

    if repair:
        with station_lock.hold(
            settings_of(ctx, SettingsRequirement.FOOTAGE).data.dir,
            "archive verify --repair",
            "end it before repairing its archive",
        ):
            findings = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    else:
        findings = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    print_result(findings.as_dict(), json_output, lambda: "\n".join(_findings_lines(findings)))
    sys.exit(0 if findings.clean or repair else 1)


async def _verify(database: Database, settings: Settings, *, repair: bool, hash_files: bool, reason: str) -> Findings:
    """Compare index and files; a repair is recorded in the audit trail. Raises UsageError while a recorder runs."""
    from nvr.archive.integrity import verify
    from nvr.recorder import reconcile
    from nvr.storage import volumes

    rows = await volumes.prepare(database, settings.volumes, settings.data.dir)
    if repair:
        await asyncio.to_thread(volumes.check_not_foreign, rows, settings.data.dir, every=True)
    # The station lock already excludes recorders of this data folder; one of another folder could share PostgreSQL
    # only.
    alone = repair and database.kind is DatabaseKind.SQLITE
    recording = not alone and await reconcile.recorders_alive(database, SystemClock())
    if repair and recording:
        raise UsageError("a recorder is running; end the station before repairing its archive")
    found = await verify.verify(database, repair=repair, hash_files=hash_files, recording=recording)
    if repair:
        counts = {name: len(value) if isinstance(value, list) else value for name, value in found.as_dict().items()}
        async with database.session() as session:
            now = SystemClock().now()
            await audit_trail.record(
                session, now, system_user.actor(), AuditAction.ARCHIVE_REPAIR, "archive", reason=reason, found=counts
            )
    return found


def _findings_lines(findings: Findings) -> list[str]:
    lines = [f"{findings.rows} entries, {findings.files} files, {findings.unhashed} not yet hashed"]
    for name, paths in findings.as_dict().items():
        if isinstance(paths, list):
            lines += [f"{name}: {path}" for path in paths]
    return lines


@archive.command("hold")
@click.argument("camera")
@click.argument("start")
@click.argument("end")
@reason_option
@click.option("--days", default=180, show_default=True, type=click.IntRange(1, 3650), help="How long it holds.")
@click.option(
    "--case",
    type=int,
    help="Id of the case that needs it (GET /api/cases): when it is closed the hold ends within 14 days.",
)
@as_json
@click.pass_context
def archive_hold(
    ctx: click.Context, camera: str, start: str, end: str, reason: str, days: int, case: int | None, json_output: bool
) -> None:
    """Keep what CAMERA recorded from START to END (ISO times), whatever the retention settings say."""
    from cases.register import case_files

    async def work(database: Database, _: Settings) -> int:
        async with database.session() as session:
            return await case_files.hold(
                session,
                SystemClock().now(),
                system_user.actor(),
                camera=camera,
                start_us=parse_time_us(start),
                end_us=parse_time_us(end),
                reason=reason,
                lasts=timedelta(days=days),
                case=case,
            )

    number = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    print_result({"hold": number}, json_output, lambda: f"hold {number} until it expires in {days} days")


@archive.command("holds")
@as_json
@click.pass_context
def archive_holds(ctx: click.Context, json_output: bool) -> None:
    """List the active holds."""
    from nvr.archive.retention.holds import active_holds

    async def work(database: Database, _: Settings) -> Sequence[Hold]:
        async with database.reading() as session:
            return await active_holds(session, SystemClock().now())

    holds = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    rows = [
        {
            "hold": h.id,
            "camera": h.camera,
            "start": from_microseconds(h.start_us),
            "end": from_microseconds(h.end_us),
            "owner": h.owner,
            "reason": h.reason,
            "expires": h.expires_at,
            "case": h.case,
        }
        for h in holds
    ]
    print_result(rows, json_output, lambda: "\n".join(map(_hold_line, holds)) or "no holds")


def _hold_line(hold: Hold) -> str:
    start, end = from_microseconds(hold.start_us), from_microseconds(hold.end_us)
    return f"{hold.id:5} {hold.camera:12} {start} – {end}  {hold.owner}: {hold.reason}, until {hold.expires_at}"


@archive.command("review")
@click.argument("hold", type=int)
@click.option(
    "--days", default=180, show_default=True, type=click.IntRange(1, 3650), help="How long it holds from now."
)
@reason_option
@as_json
@click.pass_context
def archive_review(ctx: click.Context, hold: int, days: int, reason: str, json_output: bool) -> None:
    """Extend a hold that was reviewed and is still needed; the station warns 14 days before one ends."""
    from nvr.archive.retention import holds

    async def work(database: Database, _: Settings) -> datetime:
        async with database.session() as session:
            return await holds.review(
                session, SystemClock().now(), hold, system_user.actor(), reason, timedelta(days=days)
            )

    until = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    print_result({"hold": hold, "expires": until}, json_output, lambda: f"hold {hold} until {until:%Y-%m-%d}")


@archive.command("release")
@click.argument("hold", type=int)
@reason_option
@as_json
@click.pass_context
def archive_release(ctx: click.Context, hold: int, reason: str, json_output: bool) -> None:
    """Release a hold; retention applies to its footage again."""
    from nvr.archive.retention import holds

    async def work(database: Database, _: Settings) -> None:
        async with database.session() as session:
            await holds.release(session, SystemClock().now(), hold, system_user.actor(), reason)

    with_database(ctx, work, SettingsRequirement.FOOTAGE)
    print_result({"released": hold}, json_output, lambda: f"hold {hold} is released")


@archive.command("deleted")
@click.argument("camera")
@click.argument("day")
@click.option(
    "--copy",
    type=click.Path(exists=True, dir_okay=False),
    help="An earlier copy of the SQLite database, out of a backup.",
)
@as_json
@click.pass_context
def archive_deleted(ctx: click.Context, camera: str, day: str, copy: str | None, json_output: bool) -> None:
    """Show what retention deleted of CAMERA's footage of DAY (UTC, like 2026-11-21), with digests over the files'
    SHA-256.

    With --copy, recompute the digests from the entries in that copy. Exit status 1 if they do not match.
    """
    day_start_us = parse_time_us(f"{day}T00:00:00+00:00")

    async def work(database: Database, _: Settings) -> list[tuple[FootageDeletion, str | None]]:
        return await _deletions_of_day(database, camera, day, day_start_us, copy)

    deletions = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    rows = []
    for deletion, problem in deletions:
        row = {column.name: getattr(deletion, column.name) for column in deletion.__table__.columns}
        rows.append(row if problem is None else row | {"problem": problem})
    lines = [line for deletion, problem in deletions for line in _deletion_lines(deletion, problem)]
    print_result(rows, json_output, lambda: "\n".join(lines) or "nothing of that day was deleted")
    sys.exit(1 if any(problem for _, problem in deletions) else 0)


async def _deletions_of_day(
    database: Database, camera: str, day: str, day_start_us: int, copy: str | None
) -> list[tuple[FootageDeletion, str | None]]:
    """Return what was deleted of each stream, with how it differs from the copy ("": not at all; None: no copy)."""
    from nvr.archive import deletions, segment_index

    found: list[tuple[FootageDeletion, str | None]] = []
    async with database.reading() as session:
        for row in await deletions.of_day(session, [f"{camera}/{kind}" for kind in StreamKind], day):
            problem = None
            if copy is not None:
                left = await segment_index.between(session, [row.stream], day_start_us, day_start_us + DAY_US)
                before = await asyncio.to_thread(deletions.entries_of_copy, copy, row.stream, day)
                problem = deletions.differences(row.runs, before, {s.start_us for s in left})
            found.append((row, problem))
    return found


def _deletion_lines(deletion: FootageDeletion, problem: str | None) -> list[str]:
    lines = [
        f"{deletion.stream}: {deletion.files} files, {deletion.bytes} bytes, deleted {deletion.first_at} – "
        f"{deletion.last_at}"
    ]
    lines += [
        f"  {from_microseconds(run['first'])} – {from_microseconds(run['last'])}: {run['files']} files "
        f"({run['unhashed']} without hash), {run['digest']}"
        for run in deletion.runs
    ]
    return lines if problem is None else [*lines, f"  {problem or 'fits the copy'}"]


@archive.command("forecast")
@as_json
@click.pass_context
def archive_forecast(ctx: click.Context, json_output: bool) -> None:
    """Show per village: stored footage, amount written per day, and how many days the disks can hold at this rate."""
    from nvr.archive.retention import forecast
    from nvr.recorder import reconcile

    async def work(database: Database, _: Settings) -> list[Forecast]:
        async with database.reading() as session:
            return await forecast.forecast(session, await reconcile.bit_rates(session, SystemClock().now()))

    forecasts = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    print_result(
        [asdict(f) for f in forecasts],
        json_output,
        lambda: "\n".join(map(_forecast_line, forecasts)) or "nothing is recorded yet",
    )


def _forecast_line(forecast: Forecast) -> str:
    kept = f"{forecast.days_possible:.1f}" if forecast.days_possible is not None else "?"
    full = f"{forecast.days_until_full:.1f}" if forecast.days_until_full is not None else "?"
    return (
        f"{forecast.village:16} holds {forecast.bytes_held / 1e9:9.1f} GB, writes {forecast.bytes_per_day / 1e9:7.1f} "
        f"GB a day; the disks keep {kept} days, first full in {full} days"
    )


@archive.command("clock")
@click.option("--confirm", is_flag=True, help="The time was checked and is right: resume deletion by age.")
@click.option("--reason", default="", help="With what it was compared (needed with --confirm).")
@as_json
@click.pass_context
def archive_clock(ctx: click.Context, confirm: bool, reason: str, json_output: bool) -> None:
    """Show whether footage is deleted by age, or the station's clock has jumped and must be confirmed first.

    Exit status 1 while deletion by age is suspended.
    """
    from nvr.archive.retention import retention_clock

    if confirm:
        require_reason(reason)

    async def work(database: Database, _: Settings) -> ClockReport:
        if confirm:
            async with database.session() as session:
                await retention_clock.confirm(session, SystemClock().now(), system_user.actor(), reason)
        async with database.reading() as session:
            return await retention_clock.report(session)

    found = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    print_result(asdict(found), json_output, lambda: found.sentence + (f"; {found.remedy}" if found.remedy else ""))
    sys.exit(1 if found.suspended else 0)
