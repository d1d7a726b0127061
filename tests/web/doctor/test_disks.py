"""The checks of disks and volumes, each under the conditions that it detects."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from core.database import Database
from core.settings import RetentionSettings
from nvr.tables import RetentionClockRow, Volume
from tests.web.doctor.checked import checked_station, states
from web.doctor import archive, disks
from web.doctor.disks import SmartReport
from web.doctor.facts import CheckState


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
    (_ata((5, 8), (197, 2)), "warning", "passed, 8 reallocated, 0 uncorrectable, 2 pending, 0 offline uncorrectable"),
    ({"smart_status": {"passed": False}}, "failed", "FAILED"),
    (NVME, "warning", "passed, 0 media errors, 95 % worn"),
    (
        {"smartctl": {"messages": [{"string": "Unable to detect device type"}]}},
        "unknown",
        "the disk reports no SMART data (Unable to detect device type)",
    ),
)


@pytest.mark.parametrize(("said", "state", "value"), SMART)
def test_smart_reports(said: SmartReport, state: str, value: str) -> None:
    found = disks.judge_smart(said, "sda")
    assert (found.state, found.value) == (state, value)


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
        and "1970-02-10 00:00 UTC, but 1970-01-01 00:00 UTC" in clock_fact.value
        and "--confirm" in clock_fact.remedy
    )
