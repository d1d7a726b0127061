"""Import a list of ordered cameras (CSV or XLSX from the village or the contractor) into the registry.

Columns are recognised by their heading, Chinese or English. If a line is invalid, the error names every invalid line
and nothing is imported. A camera that the registry already has (same address, or same village and site) stays
unchanged.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.onvif.addresses import host_of, host_port, service_url
from cameras.registry import history, workbook
from cameras.registry.inventory_entries import CameraEntry
from cameras.registry.registry import free_id
from cameras.registry.rows import add_camera, entry_of
from cameras.tables import Camera, Credential, Village
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.errors import InventoryError

HEADINGS = {
    "village": ("village", "村", "行政村", "村庄"),
    "site": ("site", "点位", "位置", "安装地点"),
    "name": ("name", "名称", "摄像机名称"),
    "address": ("address", "ip", "地址", "ip地址"),
    "longitude": ("longitude", "lon", "经度"),
    "latitude": ("latitude", "lat", "纬度"),
    "number": ("number", "编号", "点位编号"),
    "expected_make": ("make", "expected make", "品牌", "型号", "品牌型号"),
    "credential": ("credential", "账号", "凭据"),
    "sponsor": ("sponsor", "捐建", "赞助单位"),
    "cost": ("cost", "造价", "费用"),
    "legal_class": ("legal class", "法定类别"),
    "manager_unit": ("manager unit", "管理单位", "责任单位"),
    "responsible": ("responsible", "责任人"),
    "maintainer": ("maintainer", "维护单位"),
    "contract": ("contract", "合同号"),
    "warranty_until": ("warranty until", "质保期至"),
    "installed": ("installed", "安装日期"),
}
log = logging.getLogger(__name__)

MAX_ROWS = 20_000
MAX_FILE_BYTES = 10_000_000  # maximum size of a CSV file, bytes


@dataclass(slots=True)
class ImportResult:
    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)


def read(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return (line number, values by field) of a CSV (UTF-8 or GB 18030) or XLSX file. Raises InventoryError."""
    try:
        lines = workbook.rows(path, MAX_ROWS + 2) if path.suffix.lower() in (".xlsx", ".xlsm") else _csv(path)
        rows = list(itertools.islice(lines, MAX_ROWS + 2))
    except OSError as e:
        raise InventoryError([f"{path}: cannot be read ({e.strerror})"]) from e
    return _table(rows, str(path))


def read_text(text: str, name: str) -> list[tuple[int, dict[str, str]]]:
    """Like `read`, for the text of a CSV file; `name` is the file name in the messages."""
    return _table(list(itertools.islice(_csv_rows(text, name), MAX_ROWS + 2)), name)


def _table(rows: Sequence[Sequence[str]], path: str) -> list[tuple[int, dict[str, str]]]:
    if not rows:
        raise InventoryError([f"{path}: the file is empty; its first line must name the columns"])
    columns = [_field(heading) for heading in rows[0]]
    if "village" not in columns or not {"site", "address"} & set(columns):
        raise InventoryError(
            [
                f"{path}:1: the first line must name the columns, among them village (村) "
                "and site (点位) or address (地址)"
            ]
        )
    if len(rows) > MAX_ROWS + 1:
        raise InventoryError([f"{path}: more than {MAX_ROWS} lines; give at most {MAX_ROWS} at a time"])
    return [
        (number, {c: v.strip() for c, v in zip(columns, row, strict=False) if c and v.strip()})
        for number, row in enumerate(rows[1:], 2)
        if any(v.strip() for v in row)
    ]


def _field(heading: str) -> str:
    plain = heading.strip().lower().replace("_", " ")
    return next((name for name, words in HEADINGS.items() if plain in words), "")


def _csv(path: Path) -> Iterator[list[str]]:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise InventoryError(
            [
                f"{path}: the file is larger than {MAX_FILE_BYTES // 1_000_000} MB; "
                f"give at most {MAX_ROWS} lines at a time"
            ]
        )
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030", "replace")  # the encoding in which Excel saves CSV in China
    yield from _csv_rows(text, str(path))


def _csv_rows(text: str, path: str) -> Iterator[list[str]]:
    try:
        for row in csv.reader(io.StringIO(text, newline="")):
            yield row[: workbook.MAX_COLUMNS]
    except csv.Error as e:
        raise InventoryError([f"{path}: not a CSV file ({e}); save it as .xlsx or .csv"]) from e


class ImportOutcome(StrEnum):
    ADDED = "added"
    KNOWN = "known"  # the registry has it; it stays as it is
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ImportLine:
    """What an import would do with one line.

    `camera`: the id that it gets or has. `differences`: of a known camera, field → (registry, list).
    """

    line: int
    outcome: ImportOutcome
    camera: str
    village: str
    name: str
    problems: list[str]
    differences: dict[str, tuple[str, str]]


async def preview(
    session: AsyncSession, rows: Sequence[tuple[int, dict[str, str]]], villages: Villages
) -> list[ImportLine]:
    """Return what `import_cameras` would do with each line; changes nothing.

    A line of a village outside `villages` (None: the whole town) is refused as if the village did not exist.
    """
    check = await _ListCheck.create(session, villages)
    return [check.preview_of(line, values) for line, values in rows]


async def import_cameras(
    session: AsyncSession,
    rows: Sequence[tuple[int, dict[str, str]]],
    name: str,
    at: datetime,
    actor: str,
    villages: Villages = None,
) -> ImportResult:
    """Add the cameras that the registry does not have. `villages`: scope of the caller; None: the whole town.

    Raises InventoryError with every problem and then adds nothing.
    """
    check = await _ListCheck.create(session, villages)
    problems = [f"{name}:{line}: {problem}" for line, values in rows for problem in check.line(values)]
    if problems:
        raise InventoryError(problems)
    for entry in check.entries:
        await add_camera(session, entry)
        history.record_change(session, entry.id, at, actor, "expected", None, name)
    if check.entries:
        events.append(session, at, events.EventKind.CAMERAS_EXPECTED, added=len(check.entries))
        await audit_trail.record(session, at, actor, AuditAction.CAMERAS_EXPECT, name, added=len(check.entries))
    return ImportResult([e.id for e in check.entries], check.known)


class _ListCheck:
    """Checks the lines of a list one after the other against the registry and the lines before."""

    def __init__(self, villages: Iterable[Village], credentials: Iterable[str], cameras: Sequence[Camera]):
        self.entries: list[CameraEntry] = []  # cameras to add
        self.known: list[str] = []  # ids of cameras that the registry has
        self._villages = {v.code: v for v in villages}
        self._codes = {v.name: v.code for v in self._villages.values()} | {c: c for c in self._villages}
        self._credentials = set(credentials)
        self._existing = _ExistingCameras(cameras)
        self._cameras = {c.id: c for c in cameras}
        self._users: dict[str, set[str]] = {}  # villages that use each credential
        for camera in cameras:
            if camera.credential and not camera.retired:
                self._users.setdefault(camera.credential, set()).add(camera.village)

    @classmethod
    async def create(cls, session: AsyncSession, scope: Villages) -> _ListCheck:
        villages = (await session.scalars(select(Village).where(village_in_scope(Village.code, scope)))).all()
        credentials = (await session.scalars(select(Credential.name))).all()
        return cls(villages, credentials, (await session.scalars(select(Camera))).all())

    def preview_of(self, line: int, values: dict[str, str]) -> ImportLine:
        """Check a line and return what would become of it."""
        known, added = len(self.known), len(self.entries)
        problems = self.line(values)
        camera, outcome, differences = "", ImportOutcome.REFUSED, {}
        if len(self.known) > known:
            camera, outcome = self.known[-1], ImportOutcome.KNOWN
            if camera in self._cameras:
                differences = _differences(self._cameras[camera], values)
        elif len(self.entries) > added:
            camera, outcome = self.entries[-1].id, ImportOutcome.ADDED
        name = values.get("name") or values.get("site") or values.get("address", "")
        return ImportLine(line, outcome, camera, values.get("village", ""), name, problems, differences)

    def line(self, values: dict[str, str]) -> list[str]:
        """Add the camera of a line to `entries` or `known`; return why that is not possible."""
        village, credential = self._codes.get(values.get("village", "")), values.get("credential")
        if village is None:
            return [f"there is no village '{values.get('village', '')}'; use the code or name of the inventory"]
        if credential and credential not in self._credentials:
            return [f"there is no credential '{credential}'; add it to the inventory first"]
        if problem := _credential_problem(self._villages[village], values, self._users):
            return [problem]
        known = self._existing.find(village, values)
        if known is not None:
            self.known.append(known)
            return []
        try:
            entry = _entry(self._existing.next_id(village), village, values)
        except ValidationError as e:
            return [f"{'.'.join(map(str, err['loc']))}: {err['msg']}" for err in e.errors()]
        except ValueError as e:
            return [str(e)]
        self._existing.add(entry)
        self.entries.append(entry)
        return []


def _differences(camera: Camera, values: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return the fields of a line that say something else than the camera's file: field → (registry, list)."""
    entry = entry_of(camera)
    mine: dict[str, str] = {
        field: str(value) for field, value in entry.model_dump(mode="json", exclude_none=True).items()
    }
    if entry.position is not None:
        mine["longitude"], mine["latitude"] = map(str, entry.position)
    found = {field: (mine.get(field, ""), text) for field, text in values.items() if field != "village"}
    return {field: pair for field, pair in found.items() if not _is_same(*pair)}


def _is_same(mine: str, theirs: str) -> bool:
    try:
        return float(mine) == float(theirs)
    except ValueError:
        return mine.casefold() == theirs.casefold()


def _credential_problem(village: Village, values: dict[str, str], users: dict[str, set[str]]) -> str:
    """Return why a line may not name its credential; empty: it may.

    A list comes from a contractor, and the device at the listed address would receive the credential.
    """
    credential, address = values.get("credential", ""), values.get("address", "")
    if not credential:
        return ""
    if users.get(credential) and village.code not in users[credential]:
        return (
            f"the credential '{credential}' is used only in other villages; "
            f"first assign it to a camera of {village.code} in the inventory"
        )
    if not village.subnets:
        return (
            f"village {village.code} has no subnets, so the credential could be sent to any address; "
            "add its subnets to the inventory first"
        )
    if not address:
        return ""
    try:
        host = ipaddress.ip_address(host_of(service_url(address)))
    except ValueError:
        return f"'{address}' is not an IP address; a line with a credential needs an address in the village's subnets"
    if not any(host in network for network in _networks(village)):
        return (
            f"{address} is outside the subnets of {village.code} ({', '.join(village.subnets)}); "
            "a line with a credential needs an address inside them"
        )
    return ""


def _networks(village: Village) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return a village's subnets without invalid ones, which the log names."""
    found = []
    for subnet in village.subnets:
        try:
            found.append(ipaddress.ip_network(subnet, strict=False))
        except ValueError as e:
            log.warning("village '%s' has an invalid subnet: %s; correct it in the inventory", village.code, e)
    return found


def _site(camera: Camera) -> str:
    """Return the camera's site; empty if its record has none that can be read."""
    site = camera.profile.get("site") if isinstance(camera.profile, dict) else None
    return site if isinstance(site, str) else ""


class _ExistingCameras:
    """The cameras already registered or read from the list, and the next free id of each village."""

    def __init__(self, cameras: Sequence[Camera]):
        self._ids = {c.id for c in cameras}
        self._by_address = {host_port(c.address): c.id for c in cameras if c.address and not c.retired}
        self._by_site = {(c.village, s): c.id for c in cameras if not c.retired for s in (_site(c), c.name) if s}

    def find(self, village: str, values: dict[str, str]) -> str | None:
        if address := values.get("address"):
            return self._by_address.get(host_port(address))
        return self._by_site.get((village, values.get("site", "")))

    def next_id(self, village: str) -> str:
        return free_id(self._ids, village)

    def add(self, entry: CameraEntry) -> None:
        self._ids.add(entry.id)
        if entry.address:
            self._by_address[host_port(entry.address)] = entry.id
        if entry.site:
            self._by_site[entry.village, entry.site] = entry.id


def _entry(number: str, village: str, values: dict[str, str]) -> CameraEntry:
    facts: dict[str, str | tuple[str, str]] = {
        k: v for k, v in values.items() if k not in ("village", "longitude", "latitude")
    }
    if ("longitude" in values) != ("latitude" in values):
        raise ValueError("give both longitude and latitude, or neither")
    if "longitude" in values:
        facts["position"] = (values["longitude"], values["latitude"])
    facts["name"] = values.get("name") or values.get("site") or number
    return CameraEntry.model_validate({"id": number, "village": village, **facts})
