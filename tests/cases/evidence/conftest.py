"""A town with cameras, footage, officers and a signing key."""

from __future__ import annotations

from pathlib import Path

import pytest

from cameras.tables import Camera, Village
from cases.evidence.requests import Asked
from cases.evidence.tables import LegalGround
from cases.register import case_files
from core import station_keys
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import ManualClock, from_microseconds
from core.database import Database
from core.secrets import Vault
from nvr.archive import segment_index
from nvr.archive.segment_index import Segment
from nvr.tables import Volume
from tests.cases.evidence.packages import BEGIN_US, SECOND, segment_file

OFFICERS = {"asks": Role.INVESTIGATOR, "leader": Role.APPROVER, "deputy": Role.APPROVER, "video": Role.VIDEO_OFFICER}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(from_microseconds(BEGIN_US + 3_600 * SECOND))


@pytest.fixture
def vault() -> Vault:
    return Vault(bytes(32))


@pytest.fixture
def films(tmp_path: Path) -> dict[str, list[Segment]]:
    """Three segments of two seconds of two cameras, by camera."""
    volume = tmp_path / "volume"
    return {c: [segment_file(volume, f"{c}/main", 10 * i)[0] for i in range(3)] for c in ("c1", "c2")}


@pytest.fixture
async def town(
    database: Database, clock: ManualClock, vault: Vault, tmp_path: Path, films: dict[str, list[Segment]]
) -> Database:
    """Cameras c1 and c2 of village v, c3 of w; three segments of each of the first two, with a hole of 8 s between."""
    accounts = Accounts(database, clock)
    for name, role in OFFICERS.items():
        await accounts.create(name, "a long password", role, actor="t")
    async with database.session() as session:
        for code in ("v", "w"):
            session.add(Village(code=code, name=code, boundary=[], subnets=[], funding=[]))
        session.add(Volume(number=1, identity="a", path=str(tmp_path / "volume")))
        await session.flush()
        for camera, village in (("c1", "v"), ("c2", "v"), ("c3", "w")):
            session.add(Camera(id=camera, name=f"{camera}口", village=village, profile={"position": [121.4, 29.4]}))
        await session.flush()
        await case_files.open_case(session, clock.now(), "asks", "A-1", "电动车被盗", "v")
        for segments in films.values():
            await segment_index.append(session, segments)
        await station_keys.make(session, vault, clock.now(), "t")
    return database


def asked(**changes: object) -> Asked:
    values: dict[str, object] = {
        "ground": LegalGround.CASE, "ground_number": "A-1", "purpose": "电动车被盗案", "recipient": "刑侦大队",
        "officer": "张三", "officer_number": "033001", "second_officer": "李四", "second_officer_number": "033002",
        "cameras": ["c1", "c2"], "start_us": BEGIN_US, "end_us": BEGIN_US + 30 * SECOND, "case": 1,
    }  # fmt: skip
    return Asked(**{**values, **changes})  # type: ignore[arg-type]
