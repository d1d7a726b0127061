"""Pictures to keep: full size, watermarked, named, and each with a row of the audit trail."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from cameras.tables import Camera
from core.accounts.permissions import Role
from core.clock import from_microseconds
from core.database import Database
from tests.web.calls import audit_rows
from tests.web.conftest import Client, SignIn, state_purpose
from tests.web.recorded_footage import CLIP_US, add_volume, minutes_ago, record

SNAPSHOT = "/api/cameras/wj-01/snapshot"


@pytest.fixture
async def start(database: Database, tmp_path: Path) -> int:
    """Twenty seconds of wj-01/main, 320×180, that began ten minutes ago; return their start, µs."""
    await add_volume(database, tmp_path / "video")
    begin = minutes_ago(10)
    await record(database, tmp_path / "video", "wj-01/main", [begin + n * CLIP_US for n in range(10)])
    return begin


async def save(client: Client, **query: str) -> tuple[int, dict[str, str], bytes]:
    async with client.get(SNAPSHOT, params={"watermark": "true", **query}) as reply:
        return reply.status, dict(reply.headers), await reply.read()


async def test_a_saved_picture_is_of_the_moment_in_full_size(sign_in: SignIn, database: Database, start: int) -> None:
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client, "案件 2026-1")
    moment = from_microseconds(start + 3_450_000)
    status, headers, body = await save(client, at=moment.isoformat())
    assert status == 200, body
    assert headers["Content-Type"] == "image/jpeg" and headers["Cache-Control"] == "no-store"
    assert headers["Content-Disposition"].startswith('attachment; filename="wj-01_')
    assert headers["Content-Disposition"].endswith('_main.jpg"')
    picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (180, 320, 3)
    (row,) = await audit_rows(database, "snapshot.save")
    assert (row.object, row.reason, row.data["village"]) == ("wj-01/main", "案件 2026-1", "wangjia")
    taken = datetime.fromisoformat(str(row.data["start"]))
    assert taken == from_microseconds(start + 3_400_000), "the picture that was shown, ten a second"
    assert taken.utcoffset() is not None and f"{taken:%Y%m%d-%H%M%S}" in headers["Content-Disposition"]
    await save(client, at=moment.isoformat())
    assert len(await audit_rows(database, "snapshot.save")) == 2, "every file has its row"


async def test_saving_has_the_rules_of_playback(sign_in: SignIn, database: Database, start: int) -> None:
    moment = from_microseconds(start).isoformat()
    client = await sign_in(Role.VIDEO_OFFICER)
    status, _, body = await save(client, at=moment)
    assert status == 403 and b"purpose" in body
    await state_purpose(client)
    assert (await save(client, at=moment))[0] == 200
    assert (await save(client, at=from_microseconds(start - 26 * 3_600_000_000).isoformat()))[0] == 403
    assert (await save(client, at=from_microseconds(start - 3_600_000_000).isoformat()))[0] == 404
    assert (await save(client, at=moment, stream="sub"))[0] == 404
    others = await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    await state_purpose(others)
    assert (await save(others, at=moment))[0] == 404
    assert len(await audit_rows(database, "snapshot.save")) == 1


async def test_pictures_hide_what_the_masks_hide(
    sign_in: SignIn, database: Database, start: int, tmp_path: Path
) -> None:
    """The left half is masked: black in what is looked at, in what is kept, and under the cursor (R-MASK-1)."""
    await record(database, tmp_path / "video", "wj-01/sub", [start + n * CLIP_US for n in range(10)])
    moment = from_microseconds(start + 3_000_000).isoformat()
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)

    async def halves() -> list[tuple[float, float]]:
        found = []
        for path, query in (
            (SNAPSHOT, {"watermark": "true", "at": moment}), (SNAPSHOT, {"at": moment}),
            ("/api/playback/wj-01/thumbnail", {"at": moment}),
        ):  # fmt: skip
            async with client.get(path, params=query) as reply:
                assert reply.status == 200
                picture = cv2.imdecode(np.frombuffer(await reply.read(), np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            middle = picture.shape[1] // 2
            upper = picture[: picture.shape[0] * 3 // 4]  # above the lines of the watermark
            found.append((float(np.median(upper[:, : middle - 4])), float(np.median(upper[:, middle + 4 :]))))
        return found

    assert all(left > 30 for left, _ in await halves())
    async with database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        camera.profile = camera.profile | {"masks": [[(0, 0), (0.5, 0), (0.5, 1), (0, 1)]]}
    for left, right in await halves():
        assert left <= 4 and right > 30


async def test_without_watermark_the_picture_stays_small(sign_in: SignIn, start: int) -> None:
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    async with client.get(SNAPSHOT, params={"stream": "main"}) as reply:
        assert reply.status == 400 and "watermark=true" in await reply.text()
