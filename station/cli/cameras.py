"""`minwang cameras …`: onboarding and upkeep of cameras."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.host import system_user
from core.settings import Settings
from station.cli.base import as_json, cli, print_result, with_database

if TYPE_CHECKING:
    from cameras.onboarding.onboarding import Onboarding, OnboardingResult
    from cameras.onboarding.survey_rows import SurveyedDevice
    from cameras.onvif.soap_transport import Listener
    from cameras.tables import Camera, CameraChange, Finding
    from cameras.upkeep.clock_sync import ClockRound
    from cameras.upkeep.config_compliance import ComplianceResult
    from core.database import Database
    from health.checks.checklist import ChecklistItem


@cli.group()
def cameras() -> None:
    """Onboard cameras, and show what is known about them."""


@cameras.command("expect")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@as_json
@click.pass_context
def cameras_expect(ctx: click.Context, file: Path, json_output: bool) -> None:
    """Import a list of ordered cameras (CSV, XLSX) into the registry."""
    from cameras.registry import import_list
    from core.clock import SystemClock

    rows = import_list.read(file)

    async def work(database: Database, _: Settings) -> import_list.ImportResult:
        async with database.session() as session:
            return await import_list.import_cameras(session, rows, file.name, SystemClock().now(), system_user.actor())

    done = with_database(ctx, work)
    facts = {"added": done.added, "known": done.known}
    print_result(facts, json_output, lambda: f"{len(done.added)} cameras added, {len(done.known)} were there already")


@cameras.command("find")
@click.option(
    "--subnet", "subnets", multiple=True, help="Also probe this subnet, in addition to those of the villages."
)
@click.option("--wait", default=2.0, show_default=True, help="Seconds to wait for answers.")
@click.option("--interface", "interfaces", multiple=True, help="Only from these interface addresses (default: all).")
@as_json
@click.pass_context
def cameras_find(
    ctx: click.Context, subnets: tuple[str, ...], wait: float, interfaces: tuple[str, ...], json_output: bool
) -> None:
    """Discover devices, match them with the registry, and follow cameras whose address changed."""
    from cameras.discovery import ws_discovery
    from cameras.onboarding.survey import Survey
    from core.clock import SystemClock

    async def work(database: Database, settings: Settings) -> list[SurveyedDevice]:
        async with _onboarding(database, settings) as onboarding:
            survey = Survey(database, SystemClock(), onboarding)
            report = await survey.run(interfaces or ws_discovery.interfaces(), wait, subnets)
        return sorted(report.devices, key=lambda device: (device.verdict.kind, device.found.address))

    devices = with_database(ctx, work)
    rows = [
        {
            "address": device.found.address, "verdict": device.verdict.kind, "camera": device.verdict.camera,
            "village": device.village, "hardware": device.found.hardware, "name": device.found.name,
        }
        for device in devices
    ]  # fmt: skip
    print_result(rows, json_output, lambda: "\n".join(map(_device_line, devices)) or "nothing answered")


def _device_line(device: SurveyedDevice) -> str:
    found, verdict = device.found, device.verdict
    return f"{verdict.kind:9} {found.address:24} {verdict.camera or '':20} {found.hardware} {found.name}"


@cameras.command("identify")
@click.option("--village", help="Only this village's.")
@click.option("--camera", "only", multiple=True, help="Only these cameras.")
@click.option(
    "--capture", type=click.Path(path_type=Path), help="Write every raw exchange below this folder, without passwords."
)
@as_json
@click.pass_context
def cameras_identify(
    ctx: click.Context, village: str | None, only: tuple[str, ...], capture: Path | None, json_output: bool
) -> None:
    """Query the identity and streams of cameras. Ctrl-C keeps what was done."""
    from cameras.onvif.capture import Capture
    from cameras.registry import registry

    async def work(database: Database, settings: Settings) -> OnboardingResult:
        async with database.reading() as session:
            wanted = [
                c
                for c in await registry.cameras(session, [village] if village else None)
                if c.address and (not only or c.id in only)
            ]
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(Capture(capture)) if capture else None
            progress = _progress(stack, len(wanted), quiet=json_output)
            async with _onboarding(database, settings, listener) as onboarding:
                return await onboarding.run(wanted, progress)

    done = with_database(ctx, work)
    facts = {"identified": sorted(done.identified), "failed": done.failed}

    def text() -> str:
        lines = [f"{camera}: {problem}" for camera, problem in sorted(done.failed.items())]
        return "\n".join([*lines, f"{len(done.identified)} identified, {len(done.failed)} not"])

    print_result(facts, json_output, text)
    if done.failed:
        ctx.exit(1)


@cameras.command("list")
@click.option("--village", help="Only this village's.")
@click.option("--problems", is_flag=True, help="Only cameras with something failed.")
@as_json
@click.pass_context
def cameras_list(ctx: click.Context, village: str | None, problems: bool, json_output: bool) -> None:
    """Show each camera's checklist: reachable, credential, identity, streams, picture, clock, settings, acceptance."""
    from cameras.registry import registry
    from core.clock import SystemClock
    from health.checks import checklist

    async def work(database: Database, _: Settings) -> list[tuple[Camera, list[ChecklistItem]]]:
        async with database.reading() as session:
            wanted = await registry.cameras(session, [village] if village else None)
            checks = await checklist.checklists(session, wanted, SystemClock().now())
        return [
            (camera, checks[camera.id])
            for camera in wanted
            if not problems or any(item.state is checklist.ItemState.FAILED for item in checks[camera.id])
        ]

    checked = with_database(ctx, work)
    rows = [
        {
            "id": camera.id,
            "name": camera.name,
            "village": camera.village,
            "address": camera.address,
            "checks": checklist.as_json(items),
        }
        for camera, items in checked
    ]
    print_result(
        rows,
        json_output,
        lambda: "\n".join(_checklist_line(camera, items) for camera, items in checked) or "no cameras",
    )


def _checklist_line(camera: Camera, items: Sequence[ChecklistItem]) -> str:
    from health.checks.checklist import ItemState

    symbols = {ItemState.OK: "✓", ItemState.FAILED: "✗", ItemState.TODO: "·"}
    marks = "".join(symbols[item.state] for item in items)
    failed = ", ".join(f"{item.name}: {item.detail or 'failed'}" for item in items if item.state is ItemState.FAILED)
    return f"{camera.id:20} {marks}  {camera.address or '-':22} {camera.name}  {failed}"


@cameras.command("show")
@click.argument("camera")
@as_json
@click.pass_context
def cameras_show(ctx: click.Context, camera: str, json_output: bool) -> None:
    """Show everything known about one camera (一机一档), and its history."""
    from cameras.registry import history
    from cameras.tables import Camera
    from core.errors import NotFoundError

    async def work(database: Database, _: Settings) -> tuple[Camera, list[CameraChange]]:
        async with database.reading() as session:
            row = await session.get(Camera, camera)
            if row is None:
                raise NotFoundError(f"there is no camera '{camera}'")
            return row, list(await history.changes_of(session, camera))

    row, changes = with_database(ctx, work)
    facts = _camera_facts(row)
    changed = [{"at": c.at, "actor": c.actor, "field": c.field, "old": c.old, "new": c.new} for c in changes]
    lines = [f"{name}: {value}" for name, value in facts.items()]
    lines += [f"{c.at:%Y-%m-%d %H:%M} {c.actor}: {c.field}: {c.old} → {c.new}" for c in changes]
    print_result(facts | {"history": changed}, json_output, lambda: "\n".join(lines))


def _camera_facts(camera: Camera) -> dict[str, object]:
    return {
        "id": camera.id,
        "name": camera.name,
        "village": camera.village,
        "address": camera.address,
        "credential": camera.credential,
        "profile": camera.profile,
        "device": camera.device,
        "clock_offset": camera.clock_offset,
        "problem": camera.problem,
        "streams": [
            {"id": s.id, "url": s.url, "codec": s.codec, "width": s.width, "height": s.height} for s in camera.streams
        ],
    }


@cameras.command("findings")
@as_json
@click.pass_context
def cameras_findings(ctx: click.Context, json_output: bool) -> None:
    """List open findings: open ports, refused credentials, clones, unknown devices, wrong clocks."""
    from cameras.registry import findings

    async def work(database: Database, _: Settings) -> Sequence[Finding]:
        async with database.reading() as session:
            return await findings.list_open(session)

    found = with_database(ctx, work)
    rows = [
        {
            "id": f.id,
            "kind": f.kind,
            "camera": f.camera,
            "address": f.address,
            "since": f.opened_at,
            "detail": f.detail,
        }
        for f in found
    ]
    lines = [f"{f.id:5} {f.kind:20} {f.camera or f.address:24} {f.detail}" for f in found]
    print_result(rows, json_output, lambda: "\n".join(lines) or "no open findings")


@cameras.command("clocks")
@as_json
@click.pass_context
def cameras_clocks(ctx: click.Context, json_output: bool) -> None:
    """Query the time of every camera, and set the clocks that are wrong."""
    from cameras.upkeep.clock_sync import ClockSync
    from core.clock import SystemClock
    from nvr.edge import backfill

    async def work(database: Database, settings: Settings) -> ClockRound:
        async with _onboarding(database, settings) as onboarding:
            async with database.reading() as session:
                busy = await backfill.cameras_in_backfill(session, SystemClock().now())
            return await ClockSync(database, SystemClock(), onboarding).run_once(busy)

    done = with_database(ctx, work)
    facts = {"asked": done.asked, "silent": done.silent, "corrected": done.corrected, "wrong": done.wrong}
    print_result(
        facts,
        json_output,
        lambda: (
            f"{done.asked} asked, {len(done.silent)} silent, {len(done.corrected)} set, {len(done.wrong)} still wrong"
        ),
    )


@cameras.command("configure")
@click.option("--camera", "only", multiple=True, help="Only these cameras.")
@click.option("--dry-run", is_flag=True, help="Only show what differs from the policy.")
@as_json
@click.pass_context
def cameras_configure(ctx: click.Context, only: tuple[str, ...], dry_run: bool, json_output: bool) -> None:
    """Configure cameras by their policy, and read back the result."""
    from cameras.upkeep.config_compliance import ConfigCompliance
    from core.clock import SystemClock

    async def work(database: Database, settings: Settings) -> list[ComplianceResult]:
        async with _onboarding(database, settings) as onboarding:
            compliance = ConfigCompliance(database, SystemClock(), onboarding)
            return await compliance.run_once(only or None, write=not dry_run)

    results = with_database(ctx, work)
    rows = [
        {
            "camera": r.camera, "problem": r.problem,
            "settings": [{"name": d.setting, "state": d.state, "was": d.was, "now": d.now} for d in r.results],
        }
        for r in results
    ]  # fmt: skip
    print_result(rows, json_output, lambda: "\n".join(map(_compliance_line, results)) or "no camera has a policy")


def _compliance_line(result: ComplianceResult) -> str:
    from cameras.upkeep.config_compliance import SettingState

    odd = [f"{setting.setting}: {setting.state}" for setting in result.results if setting.state != SettingState.OK]
    return f"{result.camera:20} {result.problem or ', '.join(odd) or 'as the policy says'}"


@cameras.command("rotate")
@click.argument("cameras_", metavar="CAMERA...", nargs=-1, required=True)
@as_json
@click.pass_context
def cameras_rotate(ctx: click.Context, cameras_: tuple[str, ...], json_output: bool) -> None:
    """Create an account of the station's own with a new random password on cameras; the vault stores the password."""
    from cameras.onvif.client import http_session
    from cameras.upkeep.credential_rotation import CredentialRotation
    from core.clock import SystemClock
    from core.errors import MinwangError
    from core.network.connect_limiter import ConnectLimiter
    from station.roles.stream_check import StreamCheck
    from station.runtime import open_vault_of_station

    async def work(database: Database, settings: Settings) -> tuple[dict[str, str], bool]:
        done, is_complete = dict[str, str](), True
        async with (
            _onboarding(database, settings) as onboarding,
            http_session(ConnectLimiter.of_station(settings, SystemClock())) as http,
        ):
            vault, check = await open_vault_of_station(settings, database), StreamCheck(settings, SystemClock())
            rotation = CredentialRotation(
                database, vault, SystemClock(), onboarding, http, settings.data.dir.absolute(), check
            )
            for number in cameras_:
                try:
                    done[number] = f"account {await rotation.rotate(number, 'command line')}"
                except MinwangError as e:
                    done[number], is_complete = f"failed: {e}", False
        return done, is_complete

    done, is_complete = with_database(ctx, work)
    print_result(done, json_output, lambda: "\n".join(f"{camera}: {what}" for camera, what in done.items()))
    if not is_complete:
        ctx.exit(1)


@cameras.command("retire")
@click.argument("cameras_", metavar="CAMERA...", nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Bring them back into use.")
@click.pass_context
def cameras_retire(ctx: click.Context, cameras_: tuple[str, ...], undo: bool) -> None:
    """Take cameras out of use; their footage and history stay."""
    from cameras.registry import registry
    from core.clock import SystemClock

    async def work(database: Database, _: Settings) -> list[str]:
        async with database.session() as session:
            return await registry.retire(session, cameras_, SystemClock().now(), system_user.actor(), retired=not undo)

    done = with_database(ctx, work)
    click.echo(f"{', '.join(done)}: {'in use again' if undo else 'retired'}" if done else "nothing to change")


@contextlib.asynccontextmanager
async def _onboarding(
    database: Database, settings: Settings, listener: Listener | None = None
) -> AsyncIterator[Onboarding]:
    from cameras.onboarding.onboarding import Onboarding
    from cameras.onvif.client import http_session
    from cameras.registry import firmware
    from core.clock import SystemClock
    from core.network.connect_limiter import ConnectLimiter
    from station.runtime import open_vault_of_station

    async with http_session(ConnectLimiter.of_station(settings, SystemClock())) as http:
        holes = firmware.load(settings.data.dir)
        yield Onboarding(
            database, await open_vault_of_station(settings, database), SystemClock(), http, listener, holes
        )


def _progress(stack: contextlib.ExitStack, length: int, *, quiet: bool) -> Callable[[int, int], None]:
    if quiet:
        return lambda _done, _all: None
    bar = stack.enter_context(click.progressbar(length=length, label="asking", file=sys.stderr))

    def advance(done: int, _all: int) -> None:
        bar.update(done - bar.pos)

    return advance
