"""`minwang archive …`: verify the archive, manage holds, show deletions and the forecast."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import click

from core.audit import audit_trail
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
    from nvr.archive import verify
    from nvr.recorder import reconcile
    from nvr.storage import volumes

    if repair:
        require_reason(reason)

    async def work(database: Any, settings: Settings) -> verify.Findings:
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
            told = {name: len(v) if isinstance(v, list) else v for name, v in found.as_dict().items()}
            async with database.session() as session:
                now = SystemClock().now()
                await audit_trail.record(
                    session, now, system_user.actor(), "archive.repair", "archive", reason=reason, found=told
                )
        return found

    if repair:
        with station_lock.hold(
            settings_of(ctx, SettingsRequirement.FOOTAGE).data.dir,
            "archive verify --repair",
            "end it before repairing its archive",
        ):
            findings = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    else:
        findings = with_database(ctx, work, SettingsRequirement.FOOTAGE)

    def text() -> str:
        lines = [f"{findings.rows} entries, {findings.files} files, {findings.unhashed} not yet hashed"]
        for name, paths in findings.as_dict().items():
            if isinstance(paths, list):
                lines += [f"{name}: {p}" for p in paths]
        return "\n".join(lines)

    print_result(findings.as_dict(), json_output, text)
    sys.exit(0 if findings.clean or repair else 1)


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

    async def work(database: Any, _: Settings) -> int:
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
    from nvr.archive.holds import active_holds

    async def work(database: Any, _: Settings) -> list[dict[str, Any]]:
        async with database.reading() as session:
            return [
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
                for h in await active_holds(session, SystemClock().now())
            ]

    rows = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    lines = [
        f"{r['hold']:5} {r['camera']:12} {r['start']} – {r['end']}  {r['owner']}: {r['reason']}, until {r['expires']}"
        for r in rows
    ]
    print_result(rows, json_output, lambda: "\n".join(lines) or "no holds")


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
    from nvr.archive import holds

    async def work(database: Any, _: Settings) -> datetime:
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
    from nvr.archive import holds

    async def work(database: Any, _: Settings) -> None:
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
    from nvr.archive import deletions, segment_index

    start = parse_time_us(f"{day}T00:00:00+00:00")

    async def work(database: Any, _: Settings) -> list[dict[str, Any]]:
        found = []
        async with database.reading() as session:
            for row in await deletions.of_day(session, [f"{camera}/main", f"{camera}/sub"], day):
                told = {c.name: getattr(row, c.name) for c in row.__table__.columns}
                if copy is not None:
                    left = await segment_index.between(session, [row.stream], start, start + DAY_US)
                    before = await asyncio.to_thread(deletions.entries_of_copy, copy, row.stream, day)
                    told["problem"] = deletions.differences(row.runs, before, {s.start_us for s in left})
                found.append(told)
        return found

    rows = with_database(ctx, work, SettingsRequirement.FOOTAGE)

    def text() -> str:
        lines = []
        for r in rows:
            lines.append(
                f"{r['stream']}: {r['files']} files, {r['bytes']} bytes, deleted {r['first_at']} – {r['last_at']}"
            )
            lines += [
                f"  {from_microseconds(run['first'])} – {from_microseconds(run['last'])}: {run['files']} files "
                f"({run['unhashed']} without hash), {run['digest']}"
                for run in r["runs"]
            ]
            if copy is not None:
                lines.append(f"  {r['problem'] or 'fits the copy'}")
        return "\n".join(lines) or "nothing of that day was deleted"

    print_result(rows, json_output, text)
    sys.exit(1 if any(r.get("problem") for r in rows) else 0)


@archive.command("forecast")
@as_json
@click.pass_context
def archive_forecast(ctx: click.Context, json_output: bool) -> None:
    """Show per village: stored footage, amount written per day, and how many days the disks can hold at this rate."""
    from nvr.archive import forecast
    from nvr.recorder import reconcile

    async def work(database: Any, _: Settings) -> list[dict[str, Any]]:
        async with database.reading() as session:
            return [
                asdict(f)
                for f in await forecast.forecast(session, await reconcile.bit_rates(session, SystemClock().now()))
            ]

    rows = with_database(ctx, work, SettingsRequirement.FOOTAGE)

    def text() -> str:
        lines = []
        for r in rows:
            kept = f"{r['days_possible']:.1f}" if r["days_possible"] is not None else "?"
            full = f"{r['days_until_full']:.1f}" if r["days_until_full"] is not None else "?"
            lines.append(
                f"{r['village']:16} holds {r['bytes_held'] / 1e9:9.1f} GB, writes {r['bytes_per_day'] / 1e9:7.1f} GB a "
                f"day; "
                f"the disks keep {kept} days, first full in {full} days"
            )
        return "\n".join(lines) or "nothing is recorded yet"

    print_result(rows, json_output, text)


@archive.command("clock")
@click.option("--confirm", is_flag=True, help="The time was checked and is right: resume deletion by age.")
@click.option("--reason", default="", help="With what it was compared (needed with --confirm).")
@as_json
@click.pass_context
def archive_clock(ctx: click.Context, confirm: bool, reason: str, json_output: bool) -> None:
    """Show whether footage is deleted by age, or the station's clock has jumped and must be confirmed first.

    Exit status 1 while deletion by age is suspended.
    """
    from nvr.archive import retention_clock

    if confirm:
        require_reason(reason)

    async def work(database: Any, _: Settings) -> dict[str, Any]:
        if confirm:
            async with database.session() as session:
                await retention_clock.confirm(session, SystemClock().now(), system_user.actor(), reason)
        async with database.reading() as session:
            return asdict(await retention_clock.report(session))

    found = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    print_result(
        found, json_output, lambda: f"{found['sentence']}" + (f"; {found['remedy']}" if found["remedy"] else "")
    )
    sys.exit(1 if found["suspended"] else 0)
