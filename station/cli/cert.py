"""`minwang cert …`: the station's own certificate authority and the console's certificate."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from pathlib import Path
from typing import NotRequired, TypedDict

import click
from cryptography.hazmat.primitives import serialization

from cameras.vault import open_vault
from core.clock import SystemClock
from core.errors import CertificateError, ConflictError, UsageError
from core.secrets import KEY_FILE
from core.settings import Settings, TlsMode
from station.cli.base import as_json, cli, print_result, run, settings_of
from web.doctor.checks import checked_station
from web.tls.authority import Authority, own_hosts
from web.tls.certificate import Certificate, common_name, fingerprint, read

Hosts = tuple[str, ...]
_hosts = click.option(
    "--host",
    "hosts",
    multiple=True,
    help="Name or address that browsers use; again for each (default: this machine's).",
)


class AuthorityFacts(TypedDict):
    name: str
    file: Path
    valid_until: datetime
    sha256: str


class CertificateFacts(TypedDict):
    """The console's certificate, and its authority if that is the station's own."""

    file: Path
    names: list[str]
    issuer: str
    valid_until: datetime
    days_left: int
    sha256: str
    tls: TlsMode
    authority: NotRequired[AuthorityFacts]


@cli.group(invoke_without_command=True)
@_hosts
@click.option("--new-ca", is_flag=True, help="Make a new authority: every phone and computer must install it again.")
@as_json
@click.pass_context
def cert(ctx: click.Context, hosts: Hosts, new_ca: bool, json_output: bool) -> None:
    """Set up HTTPS: create a local certificate authority (CA) and the console's certificate.

    Run it again with --host for other names; `minwang cert show` prints the result.
    """
    if ctx.invoked_subcommand is not None:
        if hosts or new_ca:
            raise UsageError(f"--host and --new-ca belong behind 'cert {ctx.invoked_subcommand}', or to 'cert' alone")
        return
    settings = settings_of(ctx)
    authority, now = _authority(settings), SystemClock().now()
    wanted = hosts or tuple(own_hosts())
    if new_ca or not authority.exists():
        run(_key(settings))
        authority.create(wanted, now)
    authority.issue(wanted, now)
    _show(settings, json_output)


@cert.command("show")
@as_json
@click.pass_context
def show_certificate(ctx: click.Context, json_output: bool) -> None:
    """Show the console's certificate and the authority, with the fingerprint that people compare."""
    _show(settings_of(ctx), json_output)


@cert.command()
@_hosts
@as_json
@click.pass_context
def renew(ctx: click.Context, hosts: Hosts, json_output: bool) -> None:
    """Reissue the console's certificate, for the same names or others; a running station loads it within a minute."""
    settings = settings_of(ctx)
    authority = _authority(settings)
    found = authority.issued()
    if not hosts and found is None:
        raise CertificateError(f"{authority.server[0]}: not issued by this station's authority; run 'minwang cert'")
    authority.issue(hosts or (found.names if found else ()), SystemClock().now())
    _show(settings, json_output)


@cert.command()
@click.option(
    "--export", "target", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write (PEM)."
)
@click.pass_context
def ca(ctx: click.Context, target: Path) -> None:
    """Export the authority's certificate to a file, for group policies and other machines."""
    found = Authority(settings_of(ctx).data.dir).certificate()
    try:
        target.write_bytes(found.public_bytes(serialization.Encoding.PEM))
    except OSError as e:
        raise UsageError(f"{target}: cannot be written ({e.strerror}); name another file") from e
    click.echo(f"{target}: {common_name(found.subject)}, SHA-256 {fingerprint(found)}")


async def _key(settings: Settings) -> None:
    """Create the station's key file, which seals the authority's key, if it is missing.

    Raises SecretError if the key was lost: a new one would hide that the camera passwords cannot be decrypted any more.
    """
    path = settings.data.dir / KEY_FILE
    if await asyncio.to_thread(os.path.isfile, path):
        return
    async with checked_station(settings, SystemClock()) as station:
        if station.database is not None:
            await open_vault(station.database, path)


def _authority(settings: Settings) -> Authority:
    if settings.web.certificate is not None:
        raise ConflictError(
            f"web.certificate names a certificate of your own ({settings.web.certificate}), which the station cannot "
            f"issue; "
            "remove web.certificate and web.certificate_key from the settings first"
        )
    return Authority(settings.data.dir)


def _show(settings: Settings, json_output: bool) -> None:
    authority = Authority(settings.data.dir)
    found = read(settings.certificate_files[0])
    facts = _facts(found, settings)
    if authority.exists():
        top = authority.certificate()
        facts["authority"] = {
            "name": common_name(top.subject), "file": authority.path, "valid_until": top.not_valid_after_utc,
            "sha256": fingerprint(top),
        }  # fmt: skip
    print_result(facts, json_output, lambda: "\n".join(_lines(facts)))


def _facts(found: Certificate, settings: Settings) -> CertificateFacts:
    return {
        "file": found.path,
        "names": list(found.names),
        "issuer": found.issuer,
        "valid_until": found.own.not_valid_after_utc,
        "days_left": int(found.days_left(SystemClock().now())),
        "sha256": fingerprint(found.own),
        "tls": settings.web.tls,
    }


def _lines(facts: CertificateFacts) -> list[str]:
    lines = [
        f"certificate  {facts['file']}",
        f"names        {', '.join(facts['names'])}",
        f"issued by    {facts['issuer']}",
        f"valid until  {facts['valid_until']:%Y-%m-%d} ({facts['days_left']} days)",
        f"SHA-256      {facts['sha256']}",
    ]
    if top := facts.get("authority"):
        lines += [
            "",
            f"authority    {top['file']} ({top['name']}), valid until {top['valid_until']:%Y-%m-%d}",
            f"SHA-256      {top['sha256']}",
            "Phones and computers install the authority from the console's page /ca, after comparing this fingerprint.",
        ]
    if facts["tls"] is not TlsMode.OWN:
        lines += ["", 'Not in use: set web.tls = "own" in minwang.toml and start the station again.']
    return lines
