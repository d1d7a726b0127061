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

import core
from cameras.registry import inventory, lookup, registry
from core import migrate
from core.errors import DetectorError, InventoryError, MinwangError
from core.host import backup_log, station_lock
from core.logs import redact
from core.settings import Settings, TlsMode
from nvr.archive.integrity import hash_backlog
from nvr.recorder import stream_status
from nvr.recorder.heartbeats import alive_recorders, of_other_release
from nvr.recording_state import RecordingState
from search.indexing.lag import lag
from search.models import ModelRegistry
from search.store.upkeep import model_dir_of
from web.doctor.check_remedies import CheckRemedy as R
from web.doctor.check_values import CheckValue as V
from web.doctor.coded_text import Parameter
from web.doctor.facts import CheckedStation, CheckResult, failed, locked_out, needs_database, ok, unknown, warning
from web.http.exposure import Exposure, exposure, is_loopback
from web.tls.authority import Authority, missing_hosts
from web.tls.certificate import EXPIRES_SOON_DAYS, Certificate, load

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
        return [failed(V.DATABASE_MISSING(reason=redact(station.trouble)), R.START_STATION_ONCE(), kind)]
    started = time.monotonic()
    try:
        async with station.database.reading() as session:
            revision, server = await migrate.versions_of(session)
            await lookup.cameras_per_village(session)  # a table of data, whose pages may be damaged
    except (SQLAlchemyError, MinwangError) as e:
        return [_unreadable(e, kind)]
    seconds = time.monotonic() - started
    facts: dict[str, Parameter] = {
        "server": f"{server}, " if server else "",
        "revision": revision,
        "milliseconds": round(1000 * seconds),
    }
    if revision != migrate.newest():
        advice = R.START_TO_MIGRATE() if revision < migrate.newest() else R.INSTALL_NEWER()
        return [failed(V.DATABASE_OTHER_VERSION(needed=migrate.newest(), **facts), advice, kind)]
    if seconds > SLOW_QUERY_S:
        return [warning(V.DATABASE_ANSWERS(**facts), R.FIND_DATABASE_LOAD(), kind)]
    return [ok(V.DATABASE_ANSWERS(**facts), kind)]


def _unreadable(e: SQLAlchemyError | MinwangError, kind: str) -> CheckResult:
    why = redact(str(getattr(e, "orig", None) or e).strip().splitlines()[0][:200])
    if "readonly" in why:  # this user may read the file but not SQLite's write-ahead log beside it
        return unknown(V.DATABASE_NOT_OPENED(uid=os.geteuid(), reason=why), R.RUN_AS_STATION_USER(), kind)
    advice = R.START_SERVER() if kind != "sqlite" else R.RESTORE_DATABASE()
    return failed(V.DATABASE_UNREADABLE(reason=why), advice, kind)


async def running(station: CheckedStation) -> Sequence[CheckResult]:
    """Check that the recorders send heartbeats, and count the streams that they record."""
    if station.database is None:
        return [needs_database()]
    now = station.clock.now()
    async with station.database.reading() as session:
        alive = await alive_recorders(session, now)
        states = await stream_status.count_by_state(session, now)
        wanted = await lookup.recorded_streams(session)
    holder = await asyncio.to_thread(station_lock.holder, station.settings.data.dir)
    if not alive and holder is not None:
        return [failed(V.STATION_SILENT(holder=str(holder)), R.READ_ITS_LOG())]
    if not alive:
        return [failed(V.NO_RECORDER(), R.START_STATION())]
    recording, configured = states.get(RecordingState.RECORDING, 0), station.settings.recorder.workers
    counts = {"recording": recording, "wanted": wanted, "recorders": len(alive)}
    if len(alive) < configured:
        return [failed(V.RECORDERS_MISSING(configured=configured, **counts), R.RECORDER_NOT_RESTARTED())]
    if recording < wanted:
        return [warning(V.STREAMS_RECORDED(**counts), R.SEE_PATROL())]
    return [ok(V.STREAMS_RECORDED(**counts))]


async def processes(station: CheckedStation) -> Sequence[CheckResult]:
    """Check that every running process has the version of this program: an upgrade restarts them all."""
    if station.database is None:
        return [needs_database()]
    async with station.database.reading() as session:
        others = await of_other_release(session, station.clock.now())
    if others:
        names = ", ".join(f"{w.name} {w.release}".strip() for w in others)
        found = V.PROCESSES_OF_OTHER_RELEASE(names=names, release=core.__version__)
        return [warning(found, R.RESTART_STATION())]
    return [ok(V.PROCESSES_CURRENT(release=core.__version__))]


async def backlog(station: CheckedStation) -> Sequence[CheckResult]:
    """Report what is waiting: archive rows, files to hash, and footage to index for search."""
    if station.database is None:
        return [needs_database()]
    return [await _rows(station), await _hashes(station), await _search(station)]


async def _rows(station: CheckedStation) -> CheckResult:
    """Count streams whose open segment should have been closed by now: its row waits for the database."""
    assert station.database is not None
    longest = timedelta(seconds=2 * station.settings.recorder.segment_seconds + 60)
    async with station.database.reading() as session:
        late = await stream_status.count_late_rows(session, station.clock.now(), longest)
    if late:
        return warning(V.ROWS_LATE(streams=late), R.FIND_DATABASE_LOCK(), "archive rows")
    return ok(V.ROWS_WRITTEN(), "archive rows")


async def _hashes(station: CheckedStation) -> CheckResult:
    assert station.database is not None
    async with station.database.reading() as session:
        waiting, files = await hash_backlog.backlog(session, station.clock.now(), HASH_HOURS)
    value = V.CHECKSUMS_WAITING(waiting=waiting, files=files, hours=HASH_HOURS)
    if waiting > HASH_WARNING * files:
        return warning(value, R.CPU_TOO_SLOW(), "checksums waiting")
    return ok(value, "checksums waiting")


async def _search(station: CheckedStation) -> CheckResult:
    assert station.database is not None
    async with station.database.reading() as session:
        behind = await lag(session)
    if behind.behind_seconds is None:
        return unknown(V.SEARCH_IDLE(), R.SEARCH_MAY_BE_OFF(), "search")
    value = V.SEARCH_BEHIND(
        behind=round(behind.behind_seconds), skipped=behind.skipped_seconds, quarantined=behind.quarantined
    )
    if behind.behind_seconds > BEHIND_WARNING_S or behind.quarantined:
        return warning(value, R.SPEED_UP_SEARCH(), "search")
    return ok(value, "search")


async def registry_difference(station: CheckedStation) -> Sequence[CheckResult]:
    """Report how the inventory file differs from the state that was last applied.

    What the station has learned since then does not count as a difference.
    """
    path = station.settings.inventory
    if station.database is None:
        return [needs_database()]
    if path is None:
        return [ok(V.INVENTORY_NOT_SET())]
    if not await asyncio.to_thread(path.exists):
        return [unknown(V.INVENTORY_MISSING(path=str(path)), R.SET_INVENTORY())]
    try:
        wanted = await asyncio.to_thread(inventory.load, path)
    except InventoryError as e:
        found = V.INVENTORY_WRONG(path=str(path), problems=len(e.problems), first=e.problems[0])
        return [failed(found, R.CHECK_INVENTORY())]
    async with station.database.reading() as session:
        plan = await registry.plan(session, wanted)
    if plan.empty:
        return [ok(V.INVENTORY_APPLIED(path=str(path)))]
    counts = {"added": len(plan.added), "changed": len(plan.changed), "retired": len(plan.retired)}
    return [warning(V.INVENTORY_DIFFERS(path=str(path), **counts), R.APPLY_INVENTORY())]


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
            name = installed.pack.name
            found.append(failed(V.MODEL_DAMAGED(reason=str(e)), R.REINSTALL_MODEL(name=name), name))
        else:
            found.append(ok(V.MODEL_INTACT(), installed.pack.name))
    wanted = station.settings.search.detector
    if wanted not in ("auto", "builtin", "none") and not any(
        wanted in (i.pack.id, i.pack.name) for i in shelf.installed()
    ):
        found.append(failed(V.MODEL_NOT_INSTALLED(), R.ADD_MODEL(), wanted))
    if not found:
        found.append(warning(V.NO_MODEL(), R.INSTALL_MODEL()))
    return found


def certificate(station: CheckedStation) -> Sequence[CheckResult]:
    """Check the console's certificate: validity, names, and whether the console is served unencrypted."""
    web = station.settings.web
    match exposure(web):
        case Exposure.UNENCRYPTED:
            return [warning(V.CONSOLE_UNENCRYPTED(host=web.host), R.SET_TLS())]
        case Exposure.BESIDE_PROXY:
            return [warning(V.CONSOLE_BESIDE_PROXY(host=web.host), R.HIDE_BEHIND_PROXY())]
    if web.tls is TlsMode.PROXY:
        return [unknown(V.CERTIFICATE_AT_PROXY(), R.WATCH_PROXY())]
    if web.tls is TlsMode.OFF:
        return [ok(V.CERTIFICATE_NOT_NEEDED())]
    now = station.clock.now()
    try:
        found = load(*station.settings.certificate_files, now)
    except MinwangError as e:
        sentence, _, remedy = str(e).rpartition("; ")
        advice = R.MEND_CERTIFICATE(advice=remedy or "see docs/https.md")
        return [failed(V.CERTIFICATE_UNUSABLE(reason=sentence or str(e)), advice)]
    return [_judge_certificate(station, found, int(found.days_left(now)))]


def _judge_certificate(station: CheckedStation, found: Certificate, left: int) -> CheckResult:
    """`left`: days until it expires."""
    facts: dict[str, Parameter] = {"days": left, "issuer": found.issuer, "names": ", ".join(found.names)}
    own = station.settings.web.certificate is None and Authority(station.settings.data.dir).issued() is not None
    if left < EXPIRES_SOON_DAYS:
        return warning(V.CERTIFICATE_VALID(**facts), R.RENEW_OWN_CERTIFICATE() if own else R.RENEW_CERTIFICATE())
    missing = missing_hosts(found.names) if own else []
    if missing and not is_loopback(station.settings.web.host):
        hosts = " ".join(f"--host {h}" for h in (*found.names, *missing))
        lacks = V.CERTIFICATE_LACKS_NAMES(missing=", ".join(missing), **facts)
        return warning(lacks, R.ADD_CERTIFICATE_NAMES(hosts=hosts))
    return ok(V.CERTIFICATE_VALID(**facts))


def backup(station: CheckedStation) -> Sequence[CheckResult]:
    """Check the age of the last good backup, and whether the last run failed."""
    if station.locked_out:
        return [locked_out(station)]
    data_dir, now = station.settings.data.dir, station.clock.now()
    runs = backup_log.read(data_dir)
    if not runs and (data_dir / backup_log.FILE).exists():
        return [unknown(V.BACKUP_LOG_UNREADABLE(path=str(data_dir / backup_log.FILE)), R.CHECK_BACKUP_LOG())]
    last = backup_log.last_good(data_dir)
    failure = redact(runs[-1].error) if runs and not runs[-1].good else ""
    if last is None:
        found = V.BACKUP_NEVER_GOOD(reason=failure) if failure else V.BACKUP_NONE()
        return [warning(found, R.MAKE_BACKUPS())]
    age = now - last.at
    days, size = round(age.total_seconds() / 86_400, 1), round(last.size / 1e6, 1)
    facts: dict[str, Parameter] = {"days": days, "megabytes": size, "target": str(last.target)}
    found = V.BACKUP_LAST_FAILED(reason=failure, **facts) if failure else V.BACKUP_AGE(**facts)
    if age > BACKUP_FAILED:
        return [failed(found, R.MAKE_BACKUPS())]
    if age > timedelta(hours=station.settings.backup.max_age_hours) or failure:
        return [warning(found, R.MAKE_BACKUPS())]
    return [ok(found)]
