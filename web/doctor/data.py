"""Checks of the data: database, recorders, search, registry, models, certificate and backup."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from cameras.registry import inventory, lookup, registry
from core import migrate
from core.errors import DetectorError, InventoryError, MinwangError
from core.host import backup_log, station_lock
from core.logs import redact
from core.settings import Settings, TlsMode
from nvr.archive.integrity import hash_backlog
from nvr.recorder import stream_status
from nvr.recorder.heartbeats import alive_recorders
from nvr.recording_state import RecordingState
from search.indexing.lag import lag
from search.models import ModelRegistry
from search.store.upkeep import model_dir_of
from web.doctor.facts import CheckedStation, CheckResult, failed, locked_out, ok, unknown, warning
from web.http.exposure import exposure, is_loopback
from web.tls.authority import Authority, missing_hosts
from web.tls.certificate import EXPIRES_SOON_DAYS, load

SLOW_QUERY_S = 1.0
BEHIND_WARNING_S = 600.0  # at ten minutes search begins to skip footage
HASH_HOURS = 2
HASH_WARNING = 0.05
BACKUP_FAILED = timedelta(days=14)  # a backup is made every night


def database_file(settings: Settings) -> Path | None:
    """Return the path of an SQLite database; None for a database server."""
    url = make_url(settings.database_url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


async def database(station: CheckedStation) -> Sequence[CheckResult]:
    """Check that the database is reachable, answers quickly and has the schema version of this program."""
    kind = make_url(station.settings.database_url).get_backend_name()
    if station.database is None and await asyncio.to_thread(lambda: station.locked_out):
        return [locked_out(station)]
    if station.database is None:
        return [
            failed(
                redact(station.trouble),
                "start the station once (minwang serve) to create it, or check data.database",
                kind,
            )
        ]
    started = time.monotonic()
    try:
        async with station.database.reading() as session:
            revision, server = await migrate.versions_of(session)
            await lookup.cameras_per_village(session)  # a table of data, whose pages may be damaged
    except (SQLAlchemyError, MinwangError) as e:
        return [_unreadable(e, kind)]
    seconds = time.monotonic() - started
    value = f"{server}{', ' if server else ''}schema {revision}, answers in {1000 * seconds:.0f} ms"
    if revision != migrate.newest():
        older = revision < migrate.newest()
        remedy = (
            "start the station, which brings it to this version"
            if older
            else "this program is older than the database: install the newer one"
        )
        return [failed(f"{value}; this program needs {migrate.newest()}", remedy, kind)]
    if seconds > SLOW_QUERY_S:
        return [warning(value, "find the process that loads the disk or the server (iotop, pg_stat_activity)", kind)]
    return [ok(value, kind)]


def _unreadable(e: SQLAlchemyError | MinwangError, kind: str) -> CheckResult:
    why = redact(str(getattr(e, "orig", None) or e).strip().splitlines()[0][:200])
    if "readonly" in why:  # this user may read the file but not SQLite's write-ahead log beside it
        return unknown(f"cannot be opened by uid {os.geteuid()} ({why})", "run it as the station's user", kind)
    remedy = (
        "start the server and check data.database"
        if kind != "sqlite"
        else "restore it from the backup if it is damaged"
    )
    return failed(f"cannot be read ({why})", remedy, kind)


async def running(station: CheckedStation) -> Sequence[CheckResult]:
    """Check that the recorders send heartbeats, and count the streams that they record."""
    if station.database is None:
        return [unknown("not known without the database", "see database")]
    now = station.clock.now()
    async with station.database.reading() as session:
        alive = await alive_recorders(session, now)
        states = await stream_status.count_by_state(session, now)
        wanted = await lookup.recorded_streams(session)
    holder = await asyncio.to_thread(station_lock.holder, station.settings.data.dir)
    if not alive and holder is not None:
        return [
            failed(f"{holder} has locked the station, but no recorder has sent a heartbeat for 30 s", "read its log")
        ]
    if not alive:
        return [
            failed(
                "no recorder has sent a heartbeat for 30 s",
                "start the station: minwang serve, or systemctl start minwang",
            )
        ]
    recording = states.get(RecordingState.RECORDING, 0)
    value = f"{recording} of {wanted} streams recorded by {len(alive)} recorders"
    if len(alive) < station.settings.recorder.workers:
        return [
            failed(
                f"{value}; {station.settings.recorder.workers} are set",
                "read the log: a recorder process died and was not restarted",
            )
        ]
    if recording < wanted:
        return [warning(value, "see the console's patrol page for each camera's fault")]
    return [ok(value)]


async def backlog(station: CheckedStation) -> Sequence[CheckResult]:
    """Report what is waiting: archive rows, files to hash, and footage to index for search."""
    if station.database is None:
        return [unknown("not known without the database", "see database")]
    return [await _rows(station), await _hashes(station), await _search(station)]


async def _rows(station: CheckedStation) -> CheckResult:
    """Count streams whose open segment should have been closed by now: its row waits for the database."""
    assert station.database is not None
    longest = timedelta(seconds=2 * station.settings.recorder.segment_seconds + 60)
    async with station.database.reading() as session:
        late = await stream_status.count_late_rows(session, station.clock.now(), longest)
    if late:
        return warning(
            f"{late} streams have unwritten archive rows",
            "find what locks the database (log: 'archive rows wait')",
            "archive rows",
        )
    return ok("none wait", "archive rows")


async def _hashes(station: CheckedStation) -> CheckResult:
    assert station.database is not None
    async with station.database.reading() as session:
        waiting, files = await hash_backlog.backlog(session, station.clock.now(), HASH_HOURS)
    value = f"{waiting} of {files} files of the last {HASH_HOURS} hours"
    if waiting > HASH_WARNING * files:
        return warning(value, "the CPU is too slow: reduce search.workers, or add cores", "checksums waiting")
    return ok(value, "checksums waiting")


async def _search(station: CheckedStation) -> CheckResult:
    assert station.database is not None
    async with station.database.reading() as session:
        behind = await lag(session)
    if behind.behind_seconds is None:
        return unknown("nothing that is recorded is indexed", "see station.running; search.workers may be 0", "search")
    value = (
        f"{behind.behind_seconds:.0f} s behind, {behind.skipped_seconds} s skipped, "
        f"{behind.quarantined} streams left out"
    )
    if behind.behind_seconds > BEHIND_WARNING_S or behind.quarantined:
        return warning(
            value,
            "increase search.workers or use a faster model pack; minwang index --from TIME indexes again",
            "search",
        )
    return ok(value, "search")


async def registry_difference(station: CheckedStation) -> Sequence[CheckResult]:
    """Report how the inventory file differs from the state that was last applied.

    What the station has learned since then does not count as a difference.
    """
    path = station.settings.inventory
    if station.database is None:
        return [unknown("not known without the database", "see database")]
    if path is None:
        return [ok("no inventory file is set; the registry alone applies")]
    if not await asyncio.to_thread(path.exists):
        return [
            unknown(f"{path}: no such file", "set inventory in the settings, or write one: minwang inventory export")
        ]
    try:
        wanted = await asyncio.to_thread(inventory.load, path)
    except InventoryError as e:
        return [
            failed(
                f"{path}: {len(e.problems)} problems, the first: {e.problems[0]}",
                "minwang inventory check lists them all",
            )
        ]
    async with station.database.reading() as session:
        plan = await registry.plan(session, wanted)
    if plan.empty:
        return [ok(f"{path}: unchanged since it was applied")]
    value = f"{path}: {len(plan.added)} to add, {len(plan.changed)} to change, {len(plan.retired)} to retire"
    return [warning(value, "minwang inventory plan lists them; minwang inventory apply applies them")]


def models(station: CheckedStation) -> Sequence[CheckResult]:
    """Verify the files of the installed model packs against their checksums."""
    if station.locked_out:
        return [locked_out(station)]
    shelf = ModelRegistry(model_dir_of(station.settings))
    found = []
    for installed in shelf.installed():
        try:
            installed.verify()
        except DetectorError as e:
            found.append(
                failed(
                    str(e),
                    f"minwang models remove {installed.pack.name}, then pull or add it again",
                    installed.pack.name,
                )
            )
        else:
            found.append(ok("checksums match", installed.pack.name))
    wanted = station.settings.search.detector
    if wanted not in ("auto", "builtin", "none") and not any(
        wanted in (i.pack.id, i.pack.name) for i in shelf.installed()
    ):
        found.append(
            failed(
                "search.detector names this pack, but it is not installed",
                "minwang models list; minwang models add FOLDER",
                wanted,
            )
        )
    if not found:
        remedy = "install one to find people and vehicles: minwang models list"
        found.append(warning("no model pack: search detects motion, but not what moved", remedy))
    return found


def certificate(station: CheckedStation) -> Sequence[CheckResult]:
    """Check the console's certificate: validity, names, and whether the console is served unencrypted."""
    web = station.settings.web
    if exposed := exposure(web):
        value, _, remedy = exposed.rpartition("; ")
        return [warning(value, remedy)]
    if web.tls is TlsMode.PROXY:
        return [unknown("the proxy holds the certificate", "watch its expiry there (docs/https.md)")]
    if web.tls is TlsMode.OFF:
        return [ok("none is needed: the console listens on this machine only")]
    now = station.clock.now()
    try:
        found = load(*station.settings.certificate_files, now)
    except MinwangError as e:
        sentence, _, remedy = str(e).rpartition("; ")
        return [failed(sentence or str(e), remedy or "see docs/https.md")]
    left = int(found.days_left(now))
    value = f"valid for {left} days, issued by {found.issuer}, for {', '.join(found.names)}"
    own = station.settings.web.certificate is None and Authority(station.settings.data.dir).issued() is not None
    if left < EXPIRES_SOON_DAYS:
        remedy = (
            "minwang cert renew (its authority may be near its end: minwang cert show)"
            if own
            else "renew it with its issuer"
        )
        return [warning(value, remedy)]
    missing = missing_hosts(found.names) if own else []
    if missing and not is_loopback(web.host):
        more = " ".join(f"--host {h}" for h in (*found.names, *missing))
        return [
            warning(
                f"{value}; not for {', '.join(missing)}", f"if browsers use that address: minwang cert renew {more}"
            )
        ]
    return [ok(value)]


def backup(station: CheckedStation) -> Sequence[CheckResult]:
    """Check the age of the last good backup, and whether the last run failed."""
    if station.locked_out:
        return [locked_out(station)]
    data_dir, now = station.settings.data.dir, station.clock.now()
    remedy = "minwang backup TARGET --passphrase-file FILE, every night: set backup.target (docs/backup.md)"
    runs = backup_log.read(data_dir)
    if not runs and (data_dir / backup_log.FILE).exists():
        return [
            unknown(
                f"{data_dir / backup_log.FILE} cannot be read", "check its permissions; the next backup rewrites it"
            )
        ]
    last = backup_log.last_good(data_dir)
    failure = f"; the last attempt failed: {redact(runs[-1].error)}" if runs and not runs[-1].good else ""
    if last is None:
        return [warning(f"no backup was ever made{failure}", remedy)]
    age = now - last.at
    value = f"{age.total_seconds() / 86_400:.1f} days old, {last.size / 1e6:.1f} MB at {last.target}{failure}"
    if age > BACKUP_FAILED:
        return [failed(value, remedy)]
    if age > timedelta(hours=station.settings.backup.max_age_hours) or failure:
        return [warning(value, remedy)]
    return [ok(value)]
