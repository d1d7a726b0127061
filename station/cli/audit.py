"""`minwang audit …`: verifies the audit trail, its seal and its key."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

import click

from core.audit import audit_trail, opening, verification
from core.audit.actions import AuditAction
from core.audit.verification import VerificationResult, Verifier
from core.clock import SystemClock
from core.database import Database
from core.host import system_user
from core.settings import Settings
from health.register import signatures
from station.cli.base import (
    as_json,
    cli,
    print_result,
    reason_option,
    run,
    set_private_umask,
    settings_of,
    with_database,
)


@cli.group("audit")
def audit_group() -> None:
    """Verify and seal the audit trail."""


async def verdict(database: Database, settings: Settings) -> VerificationResult:
    """Verify all rows."""
    return await Verifier(database, settings.data.dir.absolute()).verify_all_rows()


@audit_group.command("verify")
@as_json
@click.pass_context
def audit_verify(ctx: click.Context, json_output: bool) -> None:
    """Verify every row of the trail, the trail against its seal, and the signed registers against the trail.

    Exit status 1 if anything does not match.
    """

    async def work(database: Database, settings: Settings) -> VerificationResult:
        found = await verdict(database, settings)
        async with database.reading() as session:
            mismatch = None if found.problem else await signatures.first_mismatch(session)
        return found if mismatch is None else replace(found, problem=mismatch.problem)

    found = with_database(ctx, work)
    print_result(asdict(found), json_output, lambda: "\n".join(_lines(found)))
    sys.exit(1 if found.problem else 0)


def _lines(found: VerificationResult) -> list[str]:
    lines = (
        [f"NOT WHOLE: {found.problem}"]
        if found.problem
        else [f"{found.rows} rows, all fit; sealed at {found.sealed_at}"]
    )
    if found.unkeyed:
        lines.append(
            f"{found.unkeyed} rows were written before there was a key: their chain is consistent, but anybody "
            "could have computed it"
        )
    if found.doubted:
        lines.append(
            f"{found.doubted} rows lie between a break and the row audit.seal that sealed the trail again; see "
            "these rows"
        )
    if found.foreign:
        lines.append(f"{found.foreign} rows were sealed with a lost key: they cannot be verified")
    return lines


@audit_group.command("seal")
@reason_option
@click.pass_context
def audit_seal(ctx: click.Context, reason: str) -> None:
    """Seal the trail as it is, in place of a seal that it does not match, with a row that says what did not match.

    A station seals its trail by itself. Use this after the auditor has investigated what 'audit verify' found.
    """

    async def work(database: Database, settings: Settings) -> VerificationResult:
        found, data_dir = await verdict(database, settings), settings.data.dir.absolute()
        now, actor = SystemClock().now(), system_user.actor()
        async with database.session() as session:
            await audit_trail.record(
                session, now, actor, AuditAction.AUDIT_SEAL, "audit trail", reason=reason, problem=found.problem,
                broken_at=found.broken_at,
            )  # fmt: skip
        await verification.seal_now(database, data_dir, now, replace_seal=True)
        return found

    found = with_database(ctx, work)
    click.echo(f"sealed; before: {found.problem or 'all fitted'}")


@audit_group.command("new-key")
@reason_option
@click.pass_context
def audit_new_key(ctx: click.Context, reason: str) -> None:
    """Create a new key if the station's key is lost. Existing rows stay, but can no longer be verified."""
    settings = settings_of(ctx)
    set_private_umask()
    run(opening.new_key(settings.database_url, settings.data.dir.absolute(), system_user.actor(), reason))
    click.echo("a new key is begun; back it up (docs/backup.md)")
