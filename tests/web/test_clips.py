"""Clips and time-lapses: what ffprobe and sha256sum find in the downloads, and what the audit trail says of them."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import av
import pytest
from aiohttp import ClientError, web
from playwright.async_api import async_playwright

from core.accounts.permissions import Role
from core.audit.audit_trail import AuditRow
from core.clock import SECOND, from_microseconds
from core.database import Database
from nvr.archive.reader import LocatedGop
from nvr.playback import clip, clip_stream, mp4_writer, time_lapse
from nvr.playback.clip_stream import ZipStream
from nvr.tables import GapCause
from tests.nvr.segment_files import street_pictures
from tests.web.browser.pages import FLAGS
from tests.web.calls import audit_rows, services_of
from tests.web.conftest import HEADERS, Client, SignIn, state_purpose
from tests.web.recorded_footage import CLIP_US, add_gap, add_volume, minutes_ago, record


def probed(path: Path) -> dict[str, Any]:
    """Return ffprobe's view of the video; a warning of the decoder fails the test."""
    wanted = ["-select_streams", "v", "-show_entries", "stream=codec_name,width,height,nb_read_frames"]
    command = ["ffprobe", "-v", "warning", "-count_frames", *wanted, "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    stream: dict[str, Any] = json.loads(done.stdout)["streams"][0]
    return stream


def coded_pictures(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(video=0) if p.size]


class Footage:
    """Ten seconds of wj-01, a gap of twenty, ten seconds; twenty seconds of wj-02 in H.265."""

    def __init__(self, start: int, gops: list[LocatedGop]):
        self.start, self.gops = start, gops

    def body(self, *cameras: str, seconds: int = 40, **more: Any) -> dict[str, Any]:
        end = from_microseconds(self.start + seconds * SECOND)
        return {
            "cameras": list(cameras),
            "start": from_microseconds(self.start).isoformat(),
            "end": end.isoformat(),
        } | more


@pytest.fixture
async def footage(database: Database, tmp_path: Path) -> Footage:
    await add_volume(database, tmp_path / "video")
    start = minutes_ago(20)
    first = [start + n * CLIP_US for n in range(5)]
    gops = await record(database, tmp_path / "video", "wj-01/main", first + [t + 30 * SECOND for t in first])
    await add_gap(database, "wj-01/main", start + 10 * SECOND, start + 30 * SECOND, GapCause.PACKET_LOSS)
    h265 = street_pictures("h265", (320, 180))
    await record(database, tmp_path / "video", "wj-02/main", [start + n * CLIP_US for n in range(10)], h265)
    return Footage(start, gops)


async def download(client: Client, body: dict[str, Any], into: Path, status: int = 200) -> dict[str, str]:
    async with client.post("/api/clips", json=body, headers=HEADERS) as reply:
        content = await reply.read()
        assert reply.status == status, content[:300]
        await asyncio.to_thread(into.write_bytes, content)
        return dict(reply.headers)


async def test_the_preview_names_spans_gaps_and_bytes(sign_in: SignIn, footage: Footage) -> None:
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    body = footage.body("wj-01", "wj-02")
    async with client.post("/api/clips/preview", json=body, headers=HEADERS) as reply:
        found = await reply.json()
        assert reply.status == 200, found
    first, second = found["cameras"]
    assert [s["cause"] for s in first["spans"]] == ["", "packet_loss", ""] and first["recorded_seconds"] == 20
    assert [s["cause"] for s in second["spans"]] == [""] and second["recorded_seconds"] == 20
    sizes = await asyncio.to_thread(lambda: sum(p.stat().st_size for p in {g.path for g in footage.gops}))
    assert first["bytes"] == pytest.approx(sizes, rel=0.01) and found["bytes"] == first["bytes"] + second["bytes"]
    assert found["exceeds"] == [] and found["seconds"] == 40
    services_of(client).settings.clips.max_hours = 0.001
    services_of(client).settings.clips.max_bytes = 10
    async with client.post("/api/clips/preview", json=body, headers=HEADERS) as reply:
        assert (await reply.json())["exceeds"] == ["hours", "bytes"]
    async with client.post("/api/clips", json=body | {"reason": "案件 1"}, headers=HEADERS) as reply:
        assert reply.status == 409 and "hours and bytes" in await reply.text()


async def test_one_camera_is_one_mp4_bit_for_bit(
    sign_in: SignIn, database: Database, footage: Footage, tmp_path: Path
) -> None:
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client, "案件 2026-1")
    target = tmp_path / "clip.mp4"
    headers = await download(client, footage.body("wj-01", reason="移交"), target)
    assert headers["Content-Type"] == "video/mp4" and headers["X-Minwang-Gaps"] == "1"
    assert headers["Content-Disposition"].startswith('attachment; filename="wj-01_')

    def check() -> None:
        assert int(headers["Content-Length"]) == target.stat().st_size
        found = probed(target)
        assert (found["codec_name"], found["width"], found["nb_read_frames"]) == ("h264", 320, "200")
        recorded = [p for path in dict.fromkeys(g.path for g in footage.gops) for p in coded_pictures(path)]
        assert coded_pictures(target) == recorded
        written = tmp_path / "written.mp4"
        mp4_writer.write(clip.plan(footage.gops), written)
        assert written.read_bytes() == target.read_bytes(), "the same file as minwang clip writes"

    await asyncio.to_thread(check)
    (row,) = await audit_rows(database, "footage.export")
    assert (row.object, row.reason, row.data["purpose"], row.data["village"]) == (
        "wj-01/main",
        "移交",
        "案件 2026-1",
        "wangjia",
    )
    assert row.data["start"] == footage.body()["start"] and row.data["streams"] == ["wj-01/main"]


async def test_several_cameras_are_a_zip_that_verifies(
    sign_in: SignIn, database: Database, footage: Footage, tmp_path: Path
) -> None:
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    target, folder = tmp_path / "clips.zip", tmp_path / "unpacked"
    await download(client, footage.body("wj-01", "wj-02", reason="案件 1"), target)

    def check() -> None:
        with zipfile.ZipFile(target) as archive:
            assert archive.testzip() is None and {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
            archive.extractall(folder)
        done = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(": OK") == 3, "two clips and the table of gaps"
        films = sorted(folder.glob("*.mp4"))
        assert [(probed(f)["codec_name"], probed(f)["nb_read_frames"]) for f in films] == [
            ("h264", "200"),
            ("hevc", "200"),
        ]
        rows = list(csv.DictReader(io.StringIO((folder / "gaps.csv").read_text("utf-8-sig"))))
        assert [(r["camera"], r["seconds"], r["cause"]) for r in rows] == [("wj-01", "20.0", "packet_loss")]

    await asyncio.to_thread(check)
    (row,) = await audit_rows(database, "footage.export")
    assert row.object == "wj-01/main,wj-02/main"


async def test_a_download_has_the_rules_of_playback(
    sign_in: SignIn, database: Database, footage: Footage, tmp_path: Path
) -> None:
    nothing = tmp_path / "nothing"
    client = await sign_in(Role.VIDEO_OFFICER)
    await download(client, footage.body("wj-01", reason="rr"), nothing, 403)
    await state_purpose(client)
    await download(client, footage.body("wj-01"), nothing, 422)  # without a reason
    await download(client, footage.body("wj-03", reason="rr"), nothing, 404)  # nothing is recorded
    await download(client, footage.body("wj-03", "wj-01", reason="rr", format="mp4"), nothing, 400)
    old = footage.body("wj-01", reason="rr") | {
        "start": from_microseconds(footage.start - 26 * 3600 * SECOND).isoformat()
    }
    await download(client, old, nothing, 403)
    others = await sign_in(Role.INVESTIGATOR, ["xidian"])
    await state_purpose(others)
    await download(others, footage.body("wj-01", reason="rr"), nothing, 404)
    assert await audit_rows(database, "footage.export") == []


async def test_footage_that_vanishes_cuts_the_download(
    sign_in: SignIn, footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client must not take half a file for a whole one."""
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    monkeypatch.setattr(clip_stream, "PIECE_BYTES", 1000)
    planned = clip.plan_files

    def then_truncate(gops: Any) -> Any:
        made = planned(gops)
        gops[-1].path.write_bytes(b"")
        return made

    monkeypatch.setattr(clip, "plan_files", then_truncate)
    with pytest.raises(Exception, match=r"(?i)payload|closed|reset|disconnected|not enough data"):
        await download(client, footage.body("wj-01", reason="rr"), tmp_path / "x")


def test_a_zip_holds_no_more_than_a_piece_in_memory() -> None:
    archive, piece, largest = ZipStream(from_microseconds(1_795_249_805_000_000)), bytes(1 << 20), 0
    for out in archive.add("a.mp4", (piece for _ in range(64))):
        largest = max(largest, len(out))
    assert largest < 2 * len(piece)
    assert b"SHA256SUMS" in b"".join(archive.finish())


async def lapse(
    client: Client, start: int, seconds: int, camera: str = "wj-01", **query: str
) -> tuple[int, dict[str, str], bytes]:
    params = {
        "from": from_microseconds(start).isoformat(),
        "to": from_microseconds(start + seconds * SECOND).isoformat(),
    }
    async with client.get(f"/api/playback/{camera}/time-lapse.mp4", params=params | query) as reply:
        return reply.status, dict(reply.headers), await reply.read()


async def test_a_time_lapse_shows_keyframes_at_their_time(
    sign_in: SignIn, database: Database, footage: Footage, tmp_path: Path
) -> None:
    """At 60 times, ten pictures a second are six seconds apart; a gap keeps its shortened duration."""
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client, "案件 2026-1")
    status, headers, body = await lapse(client, footage.start, 40, speed="60")
    assert status == 200 and headers["X-Minwang-Codecs"].startswith("avc1.") and headers["Content-Type"] == "video/mp4"
    with av.open(io.BytesIO(body)) as container:
        times = [round(float(f.time or 0), 3) for f in container.decode(video=0)]
    assert times == [0.0, 0.1, 0.5, 0.6], "seconds 0, 6, 30 and 36 of the range"
    (row,) = await audit_rows(database, "time_lapse.open")
    assert (row.object, row.reason, row.data["speed"]) == ("wj-01/main", "案件 2026-1", 60)
    assert (await lapse(client, footage.start, 40, speed="59"))[0] == 422
    assert (await lapse(client, footage.start, 40, camera="wj-03"))[0] == 404
    assert (await lapse(client, footage.start - 60 * SECOND, 8 * 86_400))[0] == 400
    status, headers, _ = await lapse(client, footage.start, 40, camera="wj-02")
    assert status == 200 and headers["X-Minwang-Codecs"].startswith("hvc1.")


async def test_a_time_lapse_reads_stretch_by_stretch(
    sign_in: SignIn, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    monkeypatch.setattr(time_lapse, "STRETCH_US", 5 * SECOND)
    in_stretches = (await lapse(client, footage.start, 40, speed="60"))[2]
    monkeypatch.undo()
    assert in_stretches == (await lapse(client, footage.start, 40, speed="60"))[2]


async def test_a_picture_of_a_time_lapse_lasts_until_the_next_over_stretches(
    sign_in: SignIn, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keyframes farther apart than a tenth of a second of the video are no gaps, nor are the ends of stretches."""
    await add_volume(database, tmp_path / "video")
    start = minutes_ago(20)
    await record(database, tmp_path / "video", "wj-01/main", [start + n * CLIP_US for n in range(20)])
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    monkeypatch.setattr(time_lapse, "STRETCH_US", 7 * SECOND)
    monkeypatch.setattr(time_lapse, "PICTURES_PER_SECOND", 5)
    _, _, body = await lapse(client, start, 40, speed="60")
    with av.open(io.BytesIO(body)) as container:
        shown = [(p.pts, p.duration) for p in container.demux(video=0) if p.pts is not None and p.size]
    assert len(shown) == 4
    ends = [(pts or 0) + (length or 0) for pts, length in shown]
    assert all(abs(end - (pts or 0)) <= 1 for end, (pts, _) in zip(ends, shown[1:], strict=False))
    assert ends[-1] == pytest.approx(40 / 60 * 90_000, abs=2)


async def test_a_time_lapse_ends_where_another_codec_begins(
    sign_in: SignIn, database: Database, tmp_path: Path
) -> None:
    """Asked again from the place that its last box names, it goes on in that codec; together they show everything."""
    await add_volume(database, tmp_path / "video")
    start = minutes_ago(20)
    starts = [start + n * CLIP_US for n in range(20)]
    await record(database, tmp_path / "video", "wj-01/main", starts[:10])
    await record(database, tmp_path / "video", "wj-01/main", starts[10:], street_pictures("h265", (320, 180)))
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    shown: list[float] = []
    begin, codecs = 0, list[str]()
    while True:
        _, headers, body = await lapse(client, start + begin, 40 - begin // SECOND, speed="60")
        codecs.append(headers["X-Minwang-Codecs"][:4])
        with av.open(io.BytesIO(body)) as container:
            shown += [begin / SECOND + 60 * float(f.time or 0) for f in container.decode(video=0)]
        size, kind, after = struct.unpack(">I4sQ", body[-16:])
        if (size, kind) != (16, b"free"):
            break
        begin += after
    assert codecs == ["avc1", "hvc1"] and begin == 24 * SECOND  # keyframes are six seconds apart
    assert shown == pytest.approx([0, 6, 12, 18, 24, 30, 36], abs=0.01)
    (row,) = await closing_rows(client, database)
    assert row.data["end"] == from_microseconds(start + 40 * SECOND).isoformat()


async def closing_rows(client: Client, database: Database) -> list[AuditRow]:
    await services_of(client).playback_log.flush(everything=True)
    return await audit_rows(database, "time_lapse.close")


async def test_a_time_lapse_begins_in_the_middle_of_a_gop(sign_in: SignIn, footage: Footage) -> None:
    """What is recorded at the begin of the range is shown from there on, not as a gap up to the next keyframe."""
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    status, _, body = await lapse(client, footage.start + SECOND // 2, 40, speed="60")
    with av.open(io.BytesIO(body)) as container:
        first = next(p for p in container.demux(video=0) if p.pts is not None and p.size)
    assert status == 200 and first.pts == 0


async def test_a_time_lapse_leaves_a_closing_row(
    sign_in: SignIn, database: Database, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces that follow each other are one viewing; one that the browser leaves ends where it was sent to."""
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client, "案件 2026-1")
    log = services_of(client).playback_log
    for begin, seconds in ((0, 20), (20, 20)):
        await lapse(client, footage.start + begin * SECOND, seconds, speed="60")
    assert await audit_rows(database, "time_lapse.close") == [], "it goes on"
    await log.flush(everything=True)
    (row,) = await audit_rows(database, "time_lapse.close")
    assert (row.object, row.reason, row.data["speed"], row.data["village"]) == (
        "wj-01/main", "案件 2026-1", 60, "wangjia"
    )  # fmt: skip
    assert (row.data["start"], row.data["end"]) == (
        from_microseconds(footage.start).isoformat(), from_microseconds(footage.start + 40 * SECOND).isoformat()
    )  # fmt: skip
    assert await audit_rows(database, "playback.close") == []

    async def leaves(self: web.StreamResponse, data: bytes) -> None:
        raise ConnectionResetError("the browser went away")

    monkeypatch.setattr(web.StreamResponse, "write", leaves)
    with pytest.raises(ClientError):
        await lapse(client, footage.start, 40, speed="120")
    monkeypatch.undo()
    await log.flush(everything=True)
    left = (await audit_rows(database, "time_lapse.close"))[-1]
    assert left.data["speed"] == 120 and left.data["end"] < row.data["end"]


PLAY = """async ([content, codecs]) => {
  const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
  const media = new MediaSource(), video = document.createElement('video');
  video.muted = true;
  video.src = URL.createObjectURL(media);
  await new Promise(done => media.addEventListener('sourceopen', done, {once: true}));
  const buffer = media.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
  buffer.appendBuffer(bytes);
  await new Promise(done => buffer.addEventListener('updateend', done, {once: true}));
  video.currentTime = 0.55;
  await new Promise(done => video.addEventListener('seeked', done, {once: true}));
  const ranges = [...Array(buffer.buffered.length).keys()].map(i => [buffer.buffered.start(i), buffer.buffered.end(i)]);
  return {ranges, width: video.videoWidth, ready: video.readyState, error: video.error && video.error.message};
}"""


@pytest.fixture
def driver_may_start(_no_blocking_calls: object) -> None:
    _no_blocking_calls.deactivate()  # type: ignore[attr-defined] # deactivated because Playwright's driver blocks


@pytest.mark.browser
@pytest.mark.usefixtures("driver_may_start")
async def test_chromium_plays_a_time_lapse(sign_in: SignIn, footage: Footage) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed; run: apt-get install chromium")
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    _, headers, body = await lapse(client, footage.start, 40, speed="60")
    async with async_playwright() as p:
        browser = await p.chromium.launch(executable_path=chromium, args=FLAGS)
        page = await browser.new_page()
        found = await page.evaluate(PLAY, [base64.b64encode(body).decode(), headers["X-Minwang-Codecs"]])
        await browser.close()
    assert found["error"] is None and found["width"] == 320 and found["ready"] >= 2
    assert [round(t, 2) for r in found["ranges"] for t in r] == [0.0, 0.17, 0.5, 0.67], "ten seconds each"


async def test_thumbnails_leave_one_row_for_a_camera(sign_in: SignIn, database: Database, footage: Footage) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    at = [from_microseconds(footage.start + n * SECOND).isoformat() for n in (1, 3, 31)]
    assert (await client.get("/api/playback/wj-01/thumbnail", params={"at": at[0]})).status == 403
    await state_purpose(client)
    for moment in at:
        async with client.get("/api/playback/wj-01/thumbnail", params={"at": moment, "width": "96"}) as reply:
            assert reply.status == 200 and reply.headers["Cache-Control"] == "no-store"
            assert (await reply.read())[:2] == b"\xff\xd8"
    gap = from_microseconds(footage.start + 20 * SECOND).isoformat()
    assert (await client.get("/api/playback/wj-01/thumbnail", params={"at": gap})).status == 404
    assert (await client.get("/api/playback/wj-02/thumbnail", params={"at": at[0]})).status == 200
    assert [r.object for r in await audit_rows(database, "thumbnail.view")] == ["wj-01/main", "wj-02/main"]
