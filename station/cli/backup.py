"""`minwang backup` and `minwang restore`."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.errors import UsageError
from core.host.backup_log import BackupVerification
from core.settings import Settings
from station.cli.base import SettingsRequirement, as_json, cli, print_result, run, settings_of

if TYPE_CHECKING:
    from nvr.archive.integrity.adoption import AdoptionResult
    from station.backup.create import BackupResult
    from station.backup.restore import RestoreResult

_PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File (mode 600) whose first line is the passphrase of the key; without it the terminal asks.",
)


@cli.command()
@click.argument("target", type=click.Path(path_type=Path))
@_PASSPHRASE
@click.option(
    "--without-key", is_flag=True, help="Leave the key out: camera passwords cannot be opened from this backup alone."
)
@click.option(
    "--into-folder", is_flag=True, hidden=True, help="TARGET must be a folder that is there: its disk is mounted."
)
@click.option(
    "--with-sightings", is_flag=True, help="Include what search found (else it is read from the recordings again)."
)
@as_json
@click.pass_context
def backup(
    ctx: click.Context,
    target: Path,
    passphrase_file: Path | None,
    without_key: bool,
    into_folder: bool,
    with_sightings: bool,
    json_output: bool,
) -> None:
    """Back up the station into TARGET, a folder or a new file.

    The station may keep running; footage is never included.
    """
    from station.backup import create

    settings = settings_of(ctx)
    if without_key and passphrase_file is not None:
        raise UsageError("--without-key and --passphrase-file exclude each other")
    if into_folder and not target.is_dir():
        raise UsageError(f"{target}: there is no such folder; is its disk mounted?")
    passphrase = None if without_key else _passphrase(passphrase_file, confirm=True)
    request = create.BackupRequest(target, passphrase, with_sightings, passphrase_file)
    create.lower_priority()
    made = create.backup(settings, request)
    facts = {
        "archive": made.path, "bytes": made.size, "seconds": round(made.seconds, 1), "verified": made.verified,
        **asdict(replace(made.manifest, files=[])), "files": len(made.manifest.files),
    }  # fmt: skip
    print_result(facts, json_output, lambda: "\n".join(_backup_lines(made, settings)))


def _passphrase(file: Path | None, *, confirm: bool) -> str:
    from station.backup import sealing

    if file is not None:
        return sealing.read_passphrase(file)
    if not sys.stdin.isatty():
        raise UsageError(
            "the key that decrypts camera passwords is only stored encrypted: give --passphrase-file FILE, or "
            "--without-key; then the passwords must be entered again after a restore, unless secret.key is kept "
            "elsewhere"
        )
    return sealing.check_passphrase(
        click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm), "the terminal"
    )


def _backup_lines(made: BackupResult, settings: Settings) -> list[str]:
    manifest = made.manifest
    lines = [
        f"{made.path}: {made.size / 1e6:.1f} MB in {round(made.seconds, 1)} s, {len(manifest.files)} files, "
        f"database version {manifest.revision} with {sum(manifest.tables.values())} rows; "
        + (
            "restored and checked"
            if made.verified is BackupVerification.RESTORED
            else "read and checked, not restored: the account may not make databases"
        )
    ]
    if not manifest.sealed:
        lines.append(
            f"Without the key: keep {settings.data.dir / 'secret.key'} elsewhere, or camera passwords must be entered "
            f"again."
        )
    lines += [f"left out: {name}" for name in manifest.left_out]
    if manifest.models:
        lines.append(f"Model packs are not included: {', '.join(manifest.models)}")
    return lines


@cli.command()
@click.argument("archive", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--to", "data", type=click.Path(path_type=Path, file_okay=False), required=True, help="The new data folder, empty."
)
@_PASSPHRASE
@as_json
@click.pass_context
def restore(ctx: click.Context, archive: Path, data: Path, passphrase_file: Path | None, json_output: bool) -> None:
    """Create a data folder from a backup, and index the footage that is newer than it.

    The archive's settings are put into the folder `restored` of the new data folder. The settings of this command
    (--config) say where the disks of recordings are, and which PostgreSQL database to fill.
    """
    from station.backup import archive as archives
    from station.backup import restore as restoring

    # A new machine has no settings file yet; the archive contains one.
    settings = settings_of(ctx, SettingsRequirement.NOTHING).with_values({"data.dir": data})
    with archives.open_archive(archive) as opened:
        sealed = opened.manifest.sealed
    passphrase = _passphrase(passphrase_file, confirm=False) if sealed else None
    done = restoring.restore(archive, data, passphrase, settings.data.database)
    # Without its keys the database is not opened: writing to it would begin a new audit trail.
    adopted = run(_adopt(settings, [v.identity for v in done.manifest.volumes])) if done.with_key else None
    facts = {
        "data": done.data, "settings": done.settings, "with_key": done.with_key, "station": done.manifest.station,
        "created": done.manifest.created, "models": done.manifest.models,
        "adopted": adopted.as_dict() if adopted is not None else None,
    }  # fmt: skip
    print_result(facts, json_output, lambda: "\n".join(_restore_lines(done, adopted)))


async def _adopt(settings: Settings, identities: list[str]) -> AdoptionResult | None:
    """Index the newer footage; None if disks are missing: then the first start does it."""
    import asyncio

    from core.clock import SystemClock
    from station import database as station_database
    from station.backup import index_newer_footage

    if not await asyncio.to_thread(index_newer_footage.disks_are_there, settings, identities):
        return None
    database = await station_database.ready(settings)
    try:
        return await index_newer_footage.adopt_newer_footage(settings, database, SystemClock())
    finally:
        await database.close()


def _restore_lines(done: RestoreResult, adopted: AdoptionResult | None) -> list[str]:
    later = (
        "The disks of recordings are not where the settings say; mount them, and the first start indexes newer footage."
        if done.with_key
        else "Footage that is newer is taken in by the first start with the keys."
    )
    lines = [
        f"{done.data}: {done.manifest.station} as of {done.manifest.created}",
        f"{adopted.files} files of footage that are newer were taken in" if adopted is not None else later,
    ]
    if not done.with_key:
        lines.append(
            "The keys are not in this backup: put secret.key, audit.key and audit.seal into the data folder, mode "
            "600, before the start. If audit.key is lost, begin another: minwang audit new-key --reason …"
        )
    if done.manifest.models:
        lines.append(f"Model packs to install again: {', '.join(done.manifest.models)}")
    lines.append(
        f"Next: compare {done.settings} with the settings of this machine, set data.dir, and start the station."
    )
    return lines
