"""Metrics and figures, within the scope of who reads them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from core.accounts.permissions import Role
from core.database import Database
from core.host import metrics_token
from health.tables import DailyFigures
from nvr.tables import StreamStatus
from tests.web.conftest import SignIn


async def test_metrics_are_by_village_and_within_the_scope(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    text = await (await officer.get("/metrics")).text()
    assert 'minwang_faults_open{family="black",severity="1",village="wangjia"} 1.0' in text
    assert "minwang_patrol_finished_timestamp_seconds 0.0" in text and "minwang_online_ratio{" not in text
    theirs = await (await other.get("/metrics")).text()
    assert 'family="covered"' in theirs and "wangjia" not in theirs and "minwang_volume" not in theirs


async def test_metrics_state_the_rates_of_the_last_day(sign_in: SignIn, database: Database) -> None:
    officer, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    async with database.session() as session:
        for day, village, online in (
            ("2026-11-19", "wangjia", 0.1),
            ("2026-11-20", "wangjia", 0.9),
            ("2026-11-20", "xidian", None),
        ):
            session.add(
                DailyFigures(day=day, kind="village", name=village, figures={"online": online, "unknown": 0.25})
            )
    text = await (await officer.get("/metrics")).text()
    assert (
        'minwang_online_ratio{village="wangjia"} 0.9' in text and 'minwang_online_ratio{village="xidian"}' not in text
    )
    assert 'minwang_unknown_ratio{village="xidian"} 0.25' in text
    assert "wangjia" not in await (await other.get("/metrics")).text()


async def test_stream_counters_are_exported(sign_in: SignIn, database: Database) -> None:
    """Foreign packets, skipped units and damaged pictures: in the camera's file, and as sums in the metrics."""
    officer = await sign_in(Role.VIDEO_OFFICER)
    now = datetime.now(UTC)  # reports of recorders older than a minute do not count
    async with database.session() as session:
        for stream, factor in (("wj-01/main", 1), ("xd-01/main", 10)):
            counters = {
                "lost_packets": factor,
                "foreign_packets": 2 * factor,
                "skipped_units": 3 * factor,
                "damaged_units": 4 * factor,
                "short_holes": 5 * factor,
                "short_hole_seconds": 0.5 * factor,
                "duplicate_packets": 6 * factor,
                "start_points": 7 * factor,
                "held_back": 8 * factor,
            }
            session.add(
                StreamStatus(
                    stream=stream,
                    worker="recorder-0",
                    state="recording",
                    engine="native",
                    at=now,
                    since=now,
                    **counters,
                )
            )
    text = await (await officer.get("/metrics")).text()
    for name, value in (
        ("packets_lost", 11),
        ("packets_foreign", 22),
        ("units_skipped", 33),
        ("pictures_damaged", 44),
        ("packets_duplicate", 66),
        ("start_points", 77),
        ("readings_held_back", 88),
        ("holes_short", 55),
        ("holes_short_seconds", 5.5),
    ):
        assert f"minwang_stream_{name} {float(value)}" in text
    file = await (await officer.get("/api/cameras/wj-01")).json()
    (main,) = (s for s in file["streams"] if s["kind"] == "main")
    assert (main["lost_packets"], main["foreign_packets"], main["skipped_units"], main["damaged_pictures"]) == (
        1,
        2,
        3,
        4,
    )
    assert (main["duplicate_packets"], main["start_points"], main["held_back"]) == (6, 7, 8)
    assert (main["short_holes"], main["short_hole_seconds"], main["state"]) == (5, 0.5, "recording")
    async with database.session() as session:
        await session.execute(update(StreamStatus).values(at=now - timedelta(minutes=2)))
    file = await (await officer.get("/api/cameras/wj-01")).json()
    (main,) = (s for s in file["streams"] if s["kind"] == "main")
    assert (main["state"], main["fps"], file["state"]) == ("unknown", 0.0, "unknown")  # its recorder is dead


async def test_metrics_token(sign_in: SignIn, faults: dict[str, int], tmp_path: Path) -> None:
    """Its token opens the figures of the whole station, and nothing else."""
    client = await sign_in(None)

    async def status(path: str, token: str) -> int:
        return (await client.get(path, headers={"Authorization": f"Bearer {token}"})).status

    assert await status("/metrics", "") == 401
    file = await asyncio.to_thread(metrics_token.renew, tmp_path)
    token = await asyncio.to_thread(file.read_text)
    mode = (await asyncio.to_thread(file.stat)).st_mode
    assert (mode & 0o777, len(token) >= 40) == (0o600, True)
    reply = await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert reply.status == 200 and "minwang_streams_wanted" in await reply.text()
    assert [await status("/metrics", wrong) for wrong in ("", token[:-1], token + "x", "ä", "x" * 5000)] == [401] * 5
    assert [await status(path, token) for path in ("/api/tree", "/api/me", "/api/cameras/wj-01")] == [401] * 3
    await asyncio.to_thread(metrics_token.renew, tmp_path)
    assert await status("/metrics", token) == 401
    await asyncio.to_thread(file.write_text, "short")
    assert await status("/metrics", "short") == 401


async def test_daily_figures_are_limited_to_the_scope(sign_in: SignIn, database: Database) -> None:
    async with database.session() as session:
        for kind, name in (("town", ""), ("village", "wangjia"), ("village", "xidian"), ("vendor", "Ning Hai")):
            session.add(DailyFigures(day="2026-11-20", kind=kind, name=name, figures={"online": 0.9}))
    officer, local = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    told = await (await officer.get("/api/patrol/figures?kind=vendor")).json()
    assert [r["name"] for r in told] == ["Ning Hai"]
    theirs = await (await local.get("/api/patrol/figures?kind=village")).json()
    assert [r["name"] for r in theirs] == ["xidian"]
    assert (await local.get("/api/patrol/figures?kind=town")).status == 403
    funder = await sign_in(Role.FUNDER, ["xidian"])
    for path in ("/api/patrol/figures?kind=village", "/api/openapi.json"):
        assert (await funder.get(path)).status == 403


async def test_figures_of_one_camera(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    told = await (await officer.get("/api/patrol/figures/wj-01")).json()
    assert told["figures"]["by_cause"]["black"] == 1 and told["figures"]["intact"] == 0.0
    assert (await other.get("/api/patrol/figures/wj-01")).status == 404
