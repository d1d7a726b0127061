"""The station's checks, each under the conditions that it detects, and the runner, which no check can block."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text

from cameras.registry import inventory, registry
from core.accounts.permissions import Role
from core.clock import ManualClock, SystemClock, to_microseconds
from core.database import Database
from core.host import backup_log, station_lock
from core.settings import DataSettings, RetentionSettings, SearchSettings, Settings, TlsMode, WebSettings, load
from nvr.archive import segment_index
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.tables import OpenSegment, RetentionClockRow, StreamStatus, Volume, Worker
from search.tables import IndexState
from tests.commands import minwang
from tests.conftest import ROOT, _migrated
from tests.web.certificates import certificate_pair, write
from tests.web.conftest import SignIn
from web.api.metrics import collect
from web.doctor import archive, clock, data, disks, machine, network
from web.doctor.checks import CHECKS
from web.doctor.facts import Check, CheckedStation, CheckResult, CheckState, Fact, ok, warning
from web.doctor.runner import Doctor, worst
from web.http import anonymous_limit
from web.tls.authority import Authority


def checked_station(folder: Path, database: Database | None = None, **settings: object) -> CheckedStation:
    made_of = Settings(data=DataSettings(dir=folder), **settings)  # type: ignore[arg-type]
    return CheckedStation(made_of, SystemClock(), database)


def states(findings: Sequence[CheckResult]) -> list[str]:
    return [f.state.value for f in findings]


# The runner


async def test_a_hanging_or_failing_check_does_not_stop_others() -> None:
    release, looks = threading.Event(), []

    def hangs(_: CheckedStation) -> Sequence[CheckResult]:
        looks.append(1)
        release.wait(20)
        return [ok("at last")]

    def dies(_: CheckedStation) -> Sequence[CheckResult]:
        raise RuntimeError("rtsp://user:geheim@10.1.1.1/ is no disk")

    async def waits(_: CheckedStation) -> Sequence[CheckResult]:
        await asyncio.sleep(20)
        return []

    checks = (
        Check("hangs", hangs, keep_s=0, limit_s=0.3, hung=CheckState.FAILED),
        Check("dies", dies),
        Check("waits", waits, limit_s=0.3),
        Check("good", lambda _: [ok("fine", "a"), warning("less", "do it", "b")]),
    )
    doctor = Doctor(checks, CheckedStation(Settings(), SystemClock()))
    started = time.monotonic()
    facts = await doctor.facts()
    assert time.monotonic() - started < 3
    assert [(f.check, f.subject, f.state) for f in facts] == [
        ("hangs", "", "failed"),
        ("dies", "", "unknown"),
        ("waits", "", "unknown"),
        ("good", "a", "ok"),
        ("good", "b", "warning"),
    ]
    assert "geheim" not in facts[1].value and "is no disk" in facts[1].value and "Error" not in facts[1].value
    assert all(f.remedy for f in facts if f.state is not CheckState.OK) and facts[0].seconds >= 0.3
    again = await doctor.facts()
    # No second thread is started for a check that hangs
    assert again[0].value == "still does not answer" and len(looks) == 1
    release.set()
    async with asyncio.timeout(5):
        while (last := (await doctor.facts())[0]).state is not CheckState.OK:
            await asyncio.sleep(0.05)
    assert last.value == "at last"


async def test_results_are_cached_and_concurrent_calls_share_one_run() -> None:
    looks: list[str] = []

    def look(name: str) -> object:
        def of(_: CheckedStation) -> Sequence[CheckResult]:
            looks.append(name)
            time.sleep(0.05)
            return [ok(name)]

        return of

    manual = ManualClock()
    checks = (Check("quick", look("quick"), keep_s=10), Check("slow", look("slow"), keep_s=3600, heavy=True))  # type: ignore[arg-type]
    doctor = Doctor(checks, CheckedStation(Settings(), manual))
    await asyncio.gather(*(doctor.facts() for _ in range(20)))
    assert sorted(looks) == ["quick", "slow"]
    manual.advance(11)
    at = (await doctor.facts())[1].at
    assert sorted(looks) == ["quick", "quick", "slow"] and at == manual.now() - timedelta(seconds=11)
    manual.advance(3600)
    await doctor.facts()
    assert looks.count("slow") == 2


async def test_heavy_checks_run_alone() -> None:
    at_once = most = 0
    order: list[str] = []

    async def light(_: CheckedStation) -> Sequence[CheckResult]:
        await asyncio.sleep(0.05)
        order.append("light")
        return [ok("")]

    def look(_: CheckedStation) -> Sequence[CheckResult]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        order.append("heavy")
        time.sleep(0.05)
        at_once -= 1
        return [ok("")]

    heavy = [Check(str(i), look, heavy=True) for i in range(4)]
    facts = await Doctor([*heavy, Check("light", light)], CheckedStation(Settings(), SystemClock())).facts()
    assert most == 1 and order == ["light", *4 * ["heavy"]]
    assert [f.check for f in facts] == ["0", "1", "2", "3", "light"]


def test_a_result_has_a_remedy_unless_it_is_ok() -> None:
    for state, remedy in ((CheckState.OK, "do"), (CheckState.FAILED, ""), (CheckState.UNKNOWN, "")):
        with pytest.raises(ValueError, match="remedy"):
            CheckResult(state, "x", remedy)
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def fact(state: CheckState) -> Fact:
        return Fact(check="", subject="", state=state, value="", remedy="", at=moment, seconds=0)

    assert worst([fact(CheckState.OK), fact(CheckState.UNKNOWN)]) is CheckState.UNKNOWN
    assert worst([fact(CheckState.WARNING), fact(CheckState.UNKNOWN)]) is CheckState.WARNING
    assert (
        worst([fact(CheckState.FAILED), fact(CheckState.WARNING)]) is CheckState.FAILED
        and worst([fact(CheckState.OK)]) is CheckState.OK
    )


# Disks


def test_disk_space_of_every_folder(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    assert states(disks.space(checked_station(tmp_path))) == ["ok", "ok"]
    greedy = checked_station(tmp_path, retention=RetentionSettings(min_free_bytes=10**15))
    assert states(disks.space(greedy)) == ["ok", "warning"]
    away = checked_station(tmp_path)
    away.settings.data.volumes = [tmp_path / "not-mounted"]
    (_, gone) = disks.space(away)
    assert (gone.state, gone.value) == ("failed", "the folder does not exist") and "mount its disk" in gone.remedy


def test_disk_speed_is_measured_once_per_file_system(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    (found,) = disks.speed(checked_station(tmp_path))
    assert found.state in (CheckState.OK, CheckState.WARNING) and "MB/s written, flush" in found.value
    assert [p.name for p in tmp_path.rglob("*")] == ["video"]
    (full,) = disks.speed(checked_station(tmp_path, retention=RetentionSettings(min_free_bytes=0)))
    assert "MB/s" in full.value


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a full disk")
def test_full_and_read_only_disks(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m,nr_inodes=100", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        (small,) = disks.space(checked_station(disk, retention=RetentionSettings(min_free_bytes=0)))[:1]
        assert (small.state, small.remedy[:10]) == ("failed", "free space")
        (unmeasured,) = disks.speed(checked_station(disk))[:1]
        assert (unmeasured.state, unmeasured.value) == ("unknown", "not measured: too little free space")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert "not writable" in disks.space(checked_station(disk))[0].value
    finally:
        subprocess.run(["umount", disk], check=True)


def _ata(*attributes: tuple[int, int]) -> dict[str, object]:
    table = [{"id": i, "raw": {"value": v}} for i, v in attributes]
    return {"smart_status": {"passed": True}, "ata_smart_attributes": {"table": table}}


NVME = {
    "smart_status": {"passed": True},
    "nvme_smart_health_information_log": {"percentage_used": 95, "media_errors": 0},
}
SMART = (
    (_ata((5, 0), (9, 30000)), "ok", "passed"),
    (_ata((5, 8), (197, 2)), "warning", "passed, 8 reallocated, 2 pending"),
    ({"smart_status": {"passed": False}}, "failed", "FAILED"),
    (NVME, "warning", "passed, 95 % worn"),
    (
        {"smartctl": {"messages": [{"string": "Unable to detect device type"}]}},
        "unknown",
        "the disk reports no SMART data (Unable to detect device type)",
    ),
)


@pytest.mark.parametrize(("said", "state", "value"), SMART)
def test_smart_reports(said: dict[str, object], state: str, value: str) -> None:
    found = disks.judge_smart(said, "sda")
    assert (found.state, found.value) == (state, value)


# Clock, network


def test_kernel_clock_states() -> None:
    (found,) = clock.synchronised(CheckedStation(Settings(), SystemClock()))
    assert found.value.startswith(("synchronised", "not synchronised"))
    (early,) = clock.synchronised(CheckedStation(Settings(), ManualClock(datetime(1970, 1, 1, tzinfo=timezone.utc))))
    assert early.state is CheckState.FAILED and "1970-01-01" in early.value
    cases = (
        (0, 0, 0.001, 0.02, "chronyd", "ok"),
        (5, 0x40, 0.0, 16.0, "", "warning"),
        (0, 0x40, 0.0, 16.0, "chronyd", "warning"),
        (0, 0, 2.0, 0.1, "ntpd", "warning"),
        (0, 0, 0.0, 20.0, "ntpd", "warning"),
    )
    for state, status, offset, error, daemon, expected in cases:
        assert clock.judge(state, status, offset, error, daemon).state == expected
    assert "apt-get install chrony" in clock.judge(5, 0x40, 0, 0, "").remedy
    assert (
        "no time service" in clock.judge(5, 0x40, 0, 0, "").value
        and "service" not in clock.judge(5, 0x40, 0, 0, None).value
    )
    assert "Asia/Shanghai" in clock.zone(CheckedStation(Settings(), SystemClock()))[0].value


@pytest.mark.parametrize(("said", "state"), [("yes", "ok"), ("no", "warning"), ("", "unknown"), (None, "unknown")])
def test_clock_check_in_a_sandbox(
    said: str | None, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the service that `minwang install` sets up: adjtimex is refused, timedated answers over D-Bus."""
    monkeypatch.setattr(clock, "kernel_clock", lambda: None)
    if said is not None:
        (tmp_path / "timedatectl").write_text(
            f'#!/bin/sh\n[ "$*" = "show -p NTPSynchronized --value" ] && echo {said}\n'
        )
        (tmp_path / "timedatectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert states(clock.synchronised(CheckedStation(Settings(), SystemClock()))) == [state]


async def test_console_port(sign_in: SignIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await sign_in(None)
    port = client.server.port
    assert port is not None

    async def look(number: int, **web: object) -> CheckResult:
        settings = WebSettings(port=number, **web)  # type: ignore[arg-type]
        return (await asyncio.to_thread(network.console, checked_station(tmp_path, web=settings)))[0]

    assert (found := await look(port)).state is CheckState.OK and found.value == "the console answers"
    monkeypatch.setattr(anonymous_limit, "BURST_REQUESTS", 0.0)  # somebody at this address sends too many requests
    assert (found := await look(port)).state is CheckState.OK and found.value == "the console answers"

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        await writer.drain()
        writer.close()

    stranger = await asyncio.start_server(other, "127.0.0.1", 0)
    taken = stranger.sockets[0].getsockname()[1]
    assert (found := await look(taken)).state is CheckState.FAILED and found.value == "another program answers"
    stranger.close()
    await stranger.wait_closed()
    assert (found := await look(taken)).state is CheckState.WARNING and "free" in found.value
    assert (found := await look(8080, host="203.0.113.77")).state is CheckState.FAILED or "cannot" in found.value
    assert (await look(0)).state is CheckState.UNKNOWN


def test_discovery_and_multicast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:  # without SO_REUSEADDR the port cannot be shared
        holder.bind(("", 0))  # not 3702: virtual cameras of other tests listen there
        monkeypatch.setattr(network.ws_discovery, "PORT", holder.getsockname()[1])
        (taken,) = network.discovery_port(checked_station(tmp_path))
    assert states(network.discovery_port(checked_station(tmp_path))) == ["ok"]
    assert taken.state is CheckState.WARNING and "Address already in use" in taken.value
    heard = network._loop("127.0.0.1", "lo")
    assert heard.value == "group joined, datagram came back", heard
    away = network._loop("203.0.113.77", "x")
    assert away.state is CheckState.WARNING and "multicast does not work" in away.value


# Machine


async def test_open_files_limit(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await _town(database)
    (found,) = await machine.files(checked_station(tmp_path, database))
    assert found.state is CheckState.OK and "for 16 streams" in found.value
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 256))
    (few,) = await machine.files(checked_station(tmp_path, database))
    assert few.state is CheckState.FAILED and "LimitNOFILE=65536" in few.remedy
    assert states(await machine.files(checked_station(tmp_path))) == ["unknown"]


def test_memory_ffmpeg_and_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.memory(checked_station(tmp_path))[0].value.endswith("swapped out")
    assert "minwang 0" in machine.versions(checked_station(tmp_path))[0].value
    (found,) = machine.ffmpeg(checked_station(tmp_path))
    assert found.state is CheckState.OK and "decodes h264 and hevc" in found.value
    poor = tmp_path / "ffmpeg"
    poor.write_text("#!/bin/sh\necho ' V....D h264'\n")
    poor.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    (without,) = machine.ffmpeg(checked_station(tmp_path))
    assert without.state is CheckState.FAILED and "without hevc" in without.value
    poor.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.ffmpeg(checked_station(tmp_path))[0].value == "not installed"


LATIN = Path("/usr/share/fonts/truetype/dejavu")


def _fonts(folder: Path, monkeypatch: pytest.MonkeyPatch, *dirs: Path) -> None:
    listed = "".join(f"<dir>{d}</dir>" for d in dirs)
    config = folder / "fonts.conf"
    config.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
        f"<fontconfig>{listed}<cachedir>{folder}/cache</cachedir></fontconfig>"
    )
    monkeypatch.setenv("FONTCONFIG_FILE", str(config))


def test_chinese_is_printed_as_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (good,) = machine.printing(checked_station(tmp_path))
    assert good.state is CheckState.OK and "CJK" in good.value, good
    if not LATIN.is_dir():
        pytest.skip("DejaVu's fonts are not installed; run: apt-get install fonts-dejavu-core")
    _fonts(tmp_path, monkeypatch, LATIN)
    (boxes,) = machine.printing(checked_station(tmp_path))
    assert boxes.state is CheckState.FAILED and boxes.value.startswith("empty boxes instead of 民网巡检"), boxes
    assert "fonts-noto-cjk" in boxes.remedy


def test_missing_fonts_give_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any font Pango crashes its process; in the controller that would be the console."""
    _fonts(tmp_path, monkeypatch)
    (none,) = machine.printing(checked_station(tmp_path))
    assert none.state is CheckState.FAILED and "PDF needs fonts and none is installed" in none.remedy, none
    body = (
        "from core.errors import StorageError\nfrom reports import pdf\n"
        "try:\n pdf.render_pdf('<p>a</p>')\nexcept StorageError as e:\n print(e)"
    )
    done = subprocess.run([sys.executable, "-c", body], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "install them (apt-get install fonts-noto-cjk)" in done.stdout, done.stderr


def test_file_permissions(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o750)
    (folder / "secret.key").write_bytes(b"x" * 32)
    (folder / "secret.key").chmod(0o600)
    config = tmp_path / "minwang.toml"
    config.write_text("")
    config.chmod(0o644)

    def look(database: str = "") -> dict[str, str]:
        config.write_text(f'[data]\ndir = "{folder}"\ndatabase = "{database}"\n')
        return {Path(f.subject).name: f.state for f in machine.rights(CheckedStation(load(config), SystemClock()))}

    found = look()
    assert (found["data"], found["secret.key"], found["minwang.toml"]) == ("ok", "ok", "ok")
    assert found["user"] == ("warning" if os.geteuid() == 0 else "ok")
    assert look("postgresql+psycopg://pol:geheim@db/minwang")["minwang.toml"] == "failed"
    (folder / "secret.key").chmod(0o640)
    folder.chmod(0o755)
    config.chmod(0o664)
    found = look()
    assert (found["data"], found["secret.key"], found["minwang.toml"]) == ("warning", "failed", "failed")


# Data


async def _town(database: Database) -> None:
    town = await asyncio.to_thread(inventory.load, ROOT / "inventory.yaml")
    async with database.session() as session:
        await registry.apply(session, town, SystemClock().now(), "test")
        await session.execute(text("UPDATE stream SET url = 'rtsp://127.0.0.1/x'"))


async def test_the_database_on_either_kind(either_database: Database, server_address: str, tmp_path: Path) -> None:
    here = checked_station(tmp_path, either_database)
    if server_address:
        here.settings.data.database = str(either_database.url)
    (found,) = await data.database(here)
    assert found.state is CheckState.OK and found.value.startswith("1" if server_address else "schema"), found
    assert "geheim" not in found.value
    async with either_database.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    (old,) = await data.database(here)
    assert old.state is CheckState.FAILED and "start the station" in old.remedy
    async with either_database.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "install the newer one" in (await data.database(here))[0].remedy


async def test_unreadable_database(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "minwang.db").write_bytes, b"SQLite is not this" * 100)
    broken = Database(f"sqlite+aiosqlite:///{tmp_path / 'minwang.db'}")
    (found,) = await data.database(checked_station(tmp_path, broken))
    await broken.close()
    assert found.state is CheckState.FAILED and "file is not a database" in found.value, found
    gone = Settings(data=DataSettings(dir=tmp_path, database="postgresql+psycopg://pol:geheim@127.0.0.1:1/minwang"))
    server = Database(gone.database_url)
    (found,) = await data.database(CheckedStation(gone, SystemClock(), server))
    await server.close()
    assert (
        found.state is CheckState.FAILED
        and "geheim" not in found.value + found.remedy
        and "start the server" in found.remedy
    )


async def test_recorders_and_recorded_streams(either_database: Database, tmp_path: Path) -> None:
    now = SystemClock().now()
    here = checked_station(tmp_path, either_database)
    await _town(either_database)
    assert (await data.running(here))[0].value == "no recorder has sent a heartbeat for 30 s"
    lock = await asyncio.to_thread(station_lock.acquire, tmp_path, "serve")
    (silent,) = await data.running(here)
    await asyncio.to_thread(lock.release)
    assert silent.value.startswith(f"'minwang serve' (process {os.getpid()}") and silent.remedy == "read its log"
    async with either_database.session() as session:
        session.add(Worker(name="recorder-0", role="recorder", url="", pid=1, seen_at=now))
        session.add(_status("wj-01/main", now))
    (some,) = await data.running(here)
    assert some.state is CheckState.WARNING and some.value == "1 of 16 streams recorded by 1 recorders"
    here.settings.recorder.workers = 2
    assert (await data.running(here))[0].state is CheckState.FAILED


def _status(stream: str, at: datetime, state: str = "recording") -> StreamStatus:
    return StreamStatus(
        stream=stream, worker="recorder-0", state=state, engine="native", at=at, since=at, last_picture=at
    )


async def test_backlog(either_database: Database, tmp_path: Path) -> None:
    now = SystemClock().now()
    here = checked_station(tmp_path, either_database)
    assert states(await data.backlog(here)) == ["ok", "ok", "ok"]
    now_us = to_microseconds(now)
    async with either_database.session() as session:
        session.add(_status("a/main", now))
        flags = (0, SegmentFlag.UNHASHED, SegmentFlag.UNHASHED)
        files = [Segment("a/main", 1, now_us - i * 1000, now_us, flags=f) for i, f in enumerate(flags)]
        await segment_index.append(session, files)
        session.add(OpenSegment(stream="a/main", start_us=now_us - 1_000_000_000, volume=1))
        session.add(IndexState(stream="a/main", position_us=now_us - 700_000_000))
    rows, hashes, behind = await data.backlog(here)
    assert (rows.state, rows.value) == ("warning", "1 streams have unwritten archive rows")
    assert (hashes.state, hashes.value) == ("warning", "2 of 3 files of the last 2 hours")
    assert behind.state is CheckState.WARNING and behind.value.startswith(("699 s", "700 s"))


async def test_registry_against_the_file(database: Database, tmp_path: Path) -> None:
    await _town(database)
    here = checked_station(tmp_path, database, inventory=ROOT / "inventory.yaml")
    assert states(await data.registry_difference(here)) == ["ok"]
    async with database.session() as session:
        await session.execute(text("UPDATE camera SET name = 'x' WHERE id = 'wj-01'"))
    # The station learned it itself, and the registry is the station's.
    assert states(await data.registry_difference(here)) == ["ok"]
    changed = tmp_path / "changed.yaml"
    text_ = await asyncio.to_thread((ROOT / "inventory.yaml").read_text, "utf-8")
    await asyncio.to_thread(changed.write_text, text_.replace("王家祠堂", "王家老祠堂"), "utf-8")
    here.settings.inventory = changed
    (found,) = await data.registry_difference(here)
    assert found.state is CheckState.WARNING and "0 to add, 1 to change, 0 to retire" in found.value
    here.settings.inventory = tmp_path / "none.yaml"
    assert states(await data.registry_difference(here)) == ["unknown"]
    await asyncio.to_thread(here.settings.inventory.write_text, "cameras: 3\n")
    assert states(await data.registry_difference(here)) == ["failed"]


def test_model_packs(tmp_path: Path) -> None:
    (none,) = data.models(checked_station(tmp_path))
    assert none.state is CheckState.WARNING and "no model pack" in none.value
    (missing,) = data.models(checked_station(tmp_path, search=SearchSettings(detector="nosuch")))
    assert (missing.state, missing.subject) == ("failed", "nosuch")


def test_certificates_of_the_console(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)

    def look(host: str = "127.0.0.1", tls: TlsMode = TlsMode.OWN) -> CheckResult:
        return data.certificate(checked_station(tmp_path, web=WebSettings(host=host, tls=tls)))[0]

    assert look(tls=TlsMode.OFF).state is CheckState.OK and look(tls=TlsMode.PROXY).state is CheckState.UNKNOWN
    assert (plain := look("0.0.0.0", TlsMode.OFF)).state is CheckState.WARNING and "without encryption" in plain.value
    assert (none := look()).state is CheckState.FAILED and "create one with 'minwang cert'" in none.remedy, none
    authority = Authority(tmp_path)
    authority.create([], now)
    authority.issue(["10.250.250.250"], now)
    assert look().state is CheckState.OK and "valid for 395 days" in look().value
    authority.issue(["10.250.250.250"], now - timedelta(days=380))
    assert (soon := look()).state is CheckState.WARNING and soon.remedy.startswith("minwang cert renew")
    old = certificate_pair("old", days=(-500, -400))
    write(tmp_path / "tls", [old], old[1])
    assert (
        (expired := look()).state is CheckState.FAILED
        and "expired on" in expired.value
        and "renew it" in expired.remedy
    )


async def test_certificate_expiry_metric(database: Database, tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)

    async def value(tls: TlsMode) -> float | None:
        async with database.reading() as session:
            text = (await collect(session, checked_station(tmp_path, web=WebSettings(tls=tls)).settings)).decode()
        found = re.search(r"^minwang_certificate_expires_timestamp_seconds (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else None

    assert await value(TlsMode.OFF) is None
    assert await value(TlsMode.OWN) == 0
    await asyncio.to_thread(Authority(tmp_path).create, [], now)
    await asyncio.to_thread(Authority(tmp_path).issue, ["localhost"], now)
    assert await value(TlsMode.OWN) == pytest.approx((now + timedelta(days=396)).timestamp(), abs=2)


def test_backups(tmp_path: Path) -> None:
    here, now = checked_station(tmp_path), datetime.now(timezone.utc)

    def made_at(days: float, error: str = "") -> CheckResult:
        backup_log.add(
            tmp_path, backup_log.BackupRun(now - timedelta(days=days), "/mnt/nas", 10, 3_000_000, "restored", error)
        )
        return data.backup(here)[0]

    assert data.backup(here)[0].value == "no backup was ever made"
    assert (
        first := made_at(20, "the disk is full")
    ).state is CheckState.WARNING and "the last attempt failed: the disk is full" in first.value
    assert made_at(15).state is CheckState.FAILED
    assert made_at(3).state is CheckState.WARNING
    assert (fresh := made_at(0.5)).state is CheckState.OK and fresh.value == "0.5 days old, 3.0 MB at /mnt/nas"
    assert (broken := made_at(0.1, "no route to host")).state is CheckState.WARNING and "0.5 days old" in broken.value
    (tmp_path / "backups.json").write_text("{")
    assert data.backup(here)[0].state is CheckState.UNKNOWN


# All checks


async def test_administrators_get_the_facts_and_costly_checks_run_once(sign_in: SignIn) -> None:
    client = await sign_in(Role.ADMINISTRATOR)
    first, second = [await (await client.get("/api/station")).json() for _ in range(2)]
    assert {f["check"] for f in first["facts"]} == {c.name for c in CHECKS}
    assert first["state"] in ("failed", "warning")

    def moments(reply: dict[str, list[dict[str, str]]]) -> dict[str, str]:
        return {f["check"]: f["at"] for f in reply["facts"]}

    costly = {c.name for c in CHECKS if c.heavy}
    assert costly >= {"disk.speed", "printing"}
    assert {n: moments(first)[n] for n in costly} == {n: moments(second)[n] for n in costly}
    assert (await (await sign_in(Role.VIDEO_OFFICER)).get("/api/station")).status == 403


def test_doctor_on_the_command_line(tmp_path: Path) -> None:
    environment = {**os.environ, "MINWANG_DATA__DATABASE": ""}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return minwang(*arguments, cwd=tmp_path, env=environment)

    (tmp_path / "minwang.toml").write_text("[web]\nport = 1\n")
    done = run("doctor", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["state"], done.stderr) == (1, "failed", "")
    assert not (tmp_path / "data").exists()  # the check created nothing
    failed_ones = {f["check"] for f in said["facts"] if f["state"] == "failed"}
    assert {"database", "disk.space"} <= failed_ones
    table = run("doctor").stdout
    assert "→ start the station once (minwang serve)" in table and "unknown" in table.splitlines()[-1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to be refused")
def test_another_user_gets_unknown_results(tmp_path: Path) -> None:
    """What cannot be read is unknown, not missing, and no command ends in a traceback because of it."""
    data_dir = tmp_path / "data"
    (data_dir / "tls").mkdir(parents=True)
    (data_dir / "minwang.db").touch()
    data_dir.chmod(0o700)
    config = tmp_path / "minwang.toml"
    config.write_text(f'[data]\ndir = "{data_dir}"\n')
    for folder in tmp_path.parents:
        if folder not in (Path("/"), Path("/tmp")):
            folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)

    other = tmp_path / "other" / "minwang.db"
    other.parent.mkdir()
    other.write_bytes(_migrated())
    other.parent.chmod(0o755)
    other.chmod(0o644)
    from click.testing import CliRunner

    from station.cli.main import cli

    invoke = CliRunner().invoke
    before = tmp_path / "before.toml"  # modules that they import may be where the other user cannot read
    before.write_text(f'[data]\ndir = "{tmp_path / "before"}"\n')
    for command in ("doctor", "cert"):
        invoke(cli, ["--config", str(before), command])
    os.seteuid(65534)
    try:
        (readable,) = asyncio.run(
            data.database(checked_station(tmp_path / "other", Database(f"sqlite+aiosqlite:///{other}")))
        )
        said = invoke(cli, ["--config", str(config), "doctor", "--json"])
        refused = invoke(cli, ["--config", str(config), "cert"])
    finally:
        os.seteuid(0)
    assert (readable.state, readable.remedy) == ("unknown", "run it as the station's user"), readable
    facts = {f["check"]: f for f in json.loads(said.stdout)["facts"] if f["subject"] != "user"}
    for name in ("database", "models", "backup", "permissions"):
        assert (facts[name]["state"], facts[name]["value"]) == ("unknown", f"{data_dir} cannot be read by uid 65534"), (
            facts[name]
        )
    assert refused.exit_code == 1
    assert "cannot be written (Permission denied); run this as the station's user" in refused.stderr


def test_every_check_is_bounded() -> None:
    assert len({c.name for c in CHECKS}) == len(CHECKS)
    assert all(0 < c.limit_s <= 60 and c.keep_s > 0 for c in CHECKS)


async def test_volume_faults_and_suspended_retention_have_remedies(database: Database, tmp_path: Path) -> None:
    here = checked_station(tmp_path, database)
    assert {f.state for f in await archive.deletion_clock(here)} == {CheckState.OK}
    async with database.session() as session:
        now = here.clock.now()
        session.add_all(
            Volume(number=n, identity=str(n), path=f"/disk{n}", state=state, detail=detail, checked_at=checked)
            for n, (state, detail, checked) in enumerate(
                [
                    ("ok", "", now),
                    ("failed", "Read-only file system", now),
                    ("ok", "flushing failed", now),
                    ("ok", "", None),
                ],
                1,
            )
        )
        session.add(
            RetentionClockRow(
                id=1,
                boot="b",
                uptime_us=0,
                wall_us=40 * 86_400 * 10**6,
                plausible_us=0,
                suspicion="forward",
                steady_us=0,
                ntp_us=0,
                suspended_at=now,
            )
        )
    fine, read_only, unsynced, unseen = await archive.volumes(here)
    assert [f.state for f in (fine, read_only, unsynced, unseen)] == [
        CheckState.OK,
        CheckState.FAILED,
        CheckState.WARNING,
        CheckState.UNKNOWN,
    ]
    assert "fsck" in read_only.remedy and read_only.subject == "/disk2"
    (clock_fact,) = await archive.deletion_clock(here)
    assert (
        clock_fact.state is CheckState.FAILED
        and "40 days ahead" in clock_fact.value
        and "--confirm" in clock_fact.remedy
    )
