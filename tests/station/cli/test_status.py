"""What `minwang status` says of a station, from the facts that it found."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from core.host.station_lock import LockHolder
from core.settings import DataSettings, Settings
from station.cli.status import DatabaseFacts, StationFacts, StreamCounts, _lines
from station.supervision import status_reporter
from station.supervision.status_reporter import StationStatus, WorkerStatus

HOLDER = LockHolder("serve", 71, "minwang", "box", "2026-11-21T00:00:00+00:00")
RUNS = WorkerStatus("controller", 72, True, "2026-11-21T00:00:01+00:00", 0, "")
WAITS = WorkerStatus("recorder-0", None, False, None, 2, "status 1 at 2026-11-21T00:00:09+00:00")
STATUS = StationStatus(71, "2026-11-21T00:00:00+00:00", "2026-11-21T00:00:05+00:00", [RUNS, WAITS])
OBSERVED = DatabaseFacts(
    StreamCounts(3, 1, {"recording": 1, "waiting": 2}), "2026-11-21T00:01:00+00:00", {"search": "4 min"}
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=DataSettings(dir=tmp_path))


def test_a_station_with_a_worker_that_waits(settings: Settings) -> None:
    facts = StationFacts(HOLDER, STATUS, OBSERVED)
    assert not facts.is_ready
    assert _lines(facts, settings) == [
        "'minwang serve' runs: process 71 of user minwang on box, since 2026-11-21T00:00:00+00:00",
        "ready since 2026-11-21T00:00:05+00:00",
        "  controller   process      72  ready",
        "  recorder-0   process       -  waiting to be started again, 2 restarts, last end: status 1 at "
        "2026-11-21T00:00:09+00:00",
        "search: 4 min",
        "streams: 1 of 3 record (2 waiting); a recorder wrote last at 2026-11-21T00:01:00+00:00",
    ]


def test_no_station_and_no_database(settings: Settings) -> None:
    facts = StationFacts(None, None, DatabaseFacts(database="there is none yet"))
    assert not facts.is_ready
    assert _lines(facts, settings) == [
        f"no station runs on {settings.data.dir.absolute()}",
        "streams: unknown; the database: there is none yet",
    ]
    assert facts.as_dict() == {
        "running": False, "ready": False, "holder": None, "ready_since": None, "workers": [], "streams": None,
        "recorder_seen": None, "backlog": None, "database": "there is none yet",
    }  # fmt: skip


def test_streams_that_nobody_has_recorded_yet(settings: Settings) -> None:
    observed = DatabaseFacts(StreamCounts(0, 0, {}), None, {})
    assert _lines(StationFacts(None, None, observed), settings)[-1] == "streams: 0 of 0 record; no recorder wrote yet"


def test_a_station_is_ready_once_all_its_workers_are(settings: Settings) -> None:
    ready = StationStatus(STATUS.pid, STATUS.since, STATUS.ready_since, [RUNS])
    facts = StationFacts(HOLDER, ready, OBSERVED)
    assert facts.is_ready and facts.as_dict()["ready"] is True
    assert facts.as_dict()["streams"] == {"wanted": 3, "recording": 1, "states": {"recording": 1, "waiting": 2}}


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    text = json.dumps(asdict(STATUS) | {"written": "2026-11-21T00:00:09+00:00"})
    (tmp_path / status_reporter.FILE).write_text(text)
    assert status_reporter.read(tmp_path) == STATUS


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 71}', '{"pid": "x"}', "\x00"])
def test_a_file_that_is_not_complete_is_as_if_absent(text: str, tmp_path: Path) -> None:
    assert status_reporter.read(tmp_path) is None
    (tmp_path / status_reporter.FILE).write_text(text)
    assert status_reporter.read(tmp_path) is None
