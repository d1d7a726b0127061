"""Checks of the disks: free space, speed, health.

The speed test writes a bounded file without a name (O_TMPFILE), so that nothing stays behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from web.doctor.check_remedies import CheckRemedy as R
from web.doctor.check_values import CheckValue as V
from web.doctor.facts import CheckedStation, CheckResult, failed, ok, unknown, warning

MB = 1_000_000
TEST_BYTES = 64 * MB
TEST_SECONDS = 3.0
SYNCS = 20
SLOW_MB_S = 40  # 160 cameras of 2 Mb/s write this much; an ordinary hard disk reaches 100 to 200 MB/s
SLOW_SYNC_S = 0.2  # a hard disk turns once in 8 ms; the recorder calls a disk slow at 5 s (nvr.storage.volumes)
DATA_WARNING, DATA_FAILED = 1000 * MB, 100 * MB
INODES_WARNING, INODES_FAILED = 0.05, 0.01
SMART_SECONDS = 8
# SMART attributes of ATA disks whose raw value should be 0; failing drives show them (Backblaze drive statistics).
SMART_ATTRIBUTES = {5: "reallocated", 187: "uncorrectable", 197: "pending", 198: "offline_uncorrectable"}


class _Message(TypedDict, total=False):
    string: str


class _Messages(TypedDict, total=False):
    messages: list[_Message]


class _Status(TypedDict, total=False):
    passed: bool


class _RawValue(TypedDict, total=False):
    value: int


class _Attribute(TypedDict, total=False):
    id: int
    raw: _RawValue


class _Attributes(TypedDict, total=False):
    table: list[_Attribute]


class _NvmeLog(TypedDict, total=False):
    media_errors: int
    percentage_used: int


class SmartReport(TypedDict, total=False):
    """What the checks read of smartctl's JSON output."""

    smart_status: _Status
    smartctl: _Messages
    nvme_smart_health_information_log: _NvmeLog
    ata_smart_attributes: _Attributes


def folders(station: CheckedStation) -> list[Path]:
    """Return the data folder and the volumes, as absolute paths without duplicates."""
    return list(dict.fromkeys(p.absolute() for p in (station.settings.data.dir, *station.settings.volumes)))


def space(station: CheckedStation) -> Sequence[CheckResult]:
    """Check free space, free inodes and write permission of each folder."""
    volumes = {p.absolute() for p in station.settings.volumes}
    return [
        _space(path, station.settings.retention.min_free_bytes if path in volumes else None)
        for path in folders(station)
    ]


def _space(path: Path, keeps_free: int | None) -> CheckResult:
    """`keeps_free`: bytes that retention keeps free on a volume; None: the path is not a volume."""
    subject = str(path)
    try:
        found = os.statvfs(path)
    except FileNotFoundError:
        return failed(V.FOLDER_MISSING(), R.MOUNT_FOLDER(), subject)
    except PermissionError:
        return unknown(V.FOLDER_UNREADABLE(uid=os.geteuid()), R.RUN_AS_STATION_USER(), subject)
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    inodes = found.f_favail / found.f_files if found.f_files else 1.0
    gigabytes = {"free": round(free / 1e9, 1), "total": round(total / 1e9, 1)}
    value = V.SPACE_AND_INODES(inodes=round(100 * inodes), **gigabytes) if found.f_files else V.SPACE_FREE(**gigabytes)
    if not os.access(path, os.W_OK, effective_ids=True):
        return failed(V.NOT_WRITABLE(**gigabytes), R.MAKE_WRITABLE(path=str(path)), subject)
    if free < DATA_FAILED or inodes < INODES_FAILED:
        return failed(value, R.FREE_SPACE_NOW(), subject)
    # Retention keeps a volume at its limit permanently. Below half of the limit, retention cannot keep up.
    if free < (DATA_WARNING if keeps_free is None else keeps_free // 2) or inodes < INODES_WARNING:
        return warning(value, R.FREE_SPACE(), subject)
    return ok(value, subject)


def speed(station: CheckedStation) -> Sequence[CheckResult]:
    """Measure sequential writing and flushing, once per file system."""
    found, seen = [], set()
    for path in folders(station):
        try:
            device = path.stat().st_dev
        except OSError as e:
            found.append(unknown(V.SPEED_NOT_MEASURED(reason=e.strerror or ""), R.SEE_DISK_SPACE(), str(path)))
            continue
        if device not in seen:
            seen.add(device)
            found.append(_speed(path, station.settings.retention.min_free_bytes))
    return found


def _speed(path: Path, keeps_free: int) -> CheckResult:
    subject = str(path)
    if shutil.disk_usage(path).free < min(keeps_free, 500 * MB) // 2 + 2 * TEST_BYTES:
        return unknown(V.SPEED_NO_SPACE(), R.FREE_SPACE_FIRST(), subject)
    try:
        # Without a name (O_TMPFILE) the file disappears with the process, however it ends.
        with tempfile.TemporaryFile(dir=path) as file:
            rate = _written(file.fileno())
            typical, slowest = _synced(file.fileno())
    except OSError as e:
        return failed(V.WRITING_FAILED(reason=e.strerror or ""), R.CHECK_DISK_AND_MOUNT(), subject)
    value = V.DISK_SPEED(rate=round(rate / MB), typical=round(1000 * typical, 1), slowest=round(1000 * slowest))
    if rate < SLOW_MB_S * MB or slowest > SLOW_SYNC_S:
        return warning(value, R.FASTER_DISK(rate=SLOW_MB_S, flush=round(1000 * SLOW_SYNC_S)), subject)
    return ok(value, subject)


def _written(file: int) -> float:
    """Return the write rate to the disk in bytes per second, final fdatasync included."""
    block = os.urandom(MB)  # not zeros: some disks and file systems compress them
    started, written = time.monotonic(), 0
    while written < TEST_BYTES and time.monotonic() - started < TEST_SECONDS:
        written += os.write(file, block)
    os.fdatasync(file)
    return written / max(time.monotonic() - started, 1e-6)


def _synced(file: int) -> tuple[float, float]:
    """Return the median and the slowest time, in seconds, of a 4 kB write with fsync."""
    times = []
    for _ in range(SYNCS):
        started = time.monotonic()
        os.pwrite(file, b"\0" * 4096, 0)
        os.fsync(file)
        times.append(time.monotonic() - started)
        if sum(times) > TEST_SECONDS:
            break
    return sorted(times)[len(times) // 2], max(times)


def smart(station: CheckedStation) -> Sequence[CheckResult]:
    """Report the SMART state of the disks, as far as this user may read it (needs root and a physical disk)."""
    program = shutil.which("smartctl") or ("/usr/sbin/smartctl" if Path("/usr/sbin/smartctl").exists() else "")
    disks = sorted({d for path in folders(station) for d in _disks(path)})
    if not disks:
        return [unknown(V.NO_PHYSICAL_DISK(), R.NOTHING_ON_VIRTUAL())]
    if not program:
        return [unknown(V.SMARTCTL_MISSING(), R.INSTALL_SMARTCTL(), d) for d in disks]
    return [_smart(program, d) for d in disks]


def _disks(path: Path) -> list[str]:
    """Return the names of the disks below a folder's file system, through partitions, LVM and RAID (sysfs)."""
    with contextlib.suppress(OSError):
        number = path.stat().st_dev
        device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve(strict=True)
        return _below(device)
    return []


def _below(device: Path) -> list[str]:
    slaves = list((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    if slaves:
        return [name for s in slaves for name in _below(s.resolve())]
    disk = device.parent if (device / "partition").exists() else device
    return [disk.name] if (disk / "device").exists() else []


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {SMART_SECONDS:.0f} s"
    return (error.strerror or "it cannot be run") if isinstance(error, OSError) else "its output is not JSON"


def _smart(program: str, disk: str) -> CheckResult:
    command = [program, "-j", "-H", "-A", f"/dev/{disk}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SMART_SECONDS, check=False)
        said: SmartReport = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as e:
        return unknown(V.SMARTCTL_SILENT(reason=_why(e)), R.RUN_SMARTCTL(), disk)
    return judge_smart(said, disk)


def judge_smart(said: SmartReport, disk: str) -> CheckResult:
    """Return the result for smartctl's JSON output."""
    passed = said.get("smart_status", {}).get("passed")
    if passed is None:
        messages = said.get("smartctl", {}).get("messages", [])
        why = messages[0].get("string", "") if messages else ""
        return unknown(V.SMART_ABSENT(reason=why or "no SMART"), R.RUN_AS_ROOT_ONCE(), disk)
    nvme = said.get("nvme_smart_health_information_log", {})
    counts = _sector_counts(said)
    errors, worn = nvme.get("media_errors", 0), nvme.get("percentage_used", 0)
    if nvme:
        value = (V.SMART_NVME if passed else V.SMART_NVME_FAILED)(media_errors=errors, worn=worn)
    elif any(counts.values()):
        value = (V.SMART_SECTORS if passed else V.SMART_SECTORS_FAILED)(**counts)
    else:
        value = (V.SMART_PASSED if passed else V.SMART_FAILED)()
    if not passed:
        return failed(value, R.REPLACE_DISK_NOW(), disk)
    if errors or any(counts.values()) or worn >= 90:
        return warning(value, R.PLAN_DISK_REPLACEMENT(), disk)
    return ok(value, disk)


def _sector_counts(said: SmartReport) -> dict[str, int]:
    """Return the raw value of each of SMART_ATTRIBUTES; 0 where the disk does not report it."""
    counts = dict.fromkeys(SMART_ATTRIBUTES.values(), 0)
    for attribute in said.get("ata_smart_attributes", {}).get("table", []):
        if name := SMART_ATTRIBUTES.get(attribute.get("id", 0)):
            counts[name] = attribute.get("raw", {}).get("value", 0)
    return counts
