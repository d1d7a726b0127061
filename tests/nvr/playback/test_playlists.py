"""HLS playlists against RFC 8216, read by independent parsers and players."""

from __future__ import annotations

import asyncio
import json
import math
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nvr.archive.reader import LocatedGop
from nvr.media.mp4 import fmp4
from nvr.playback import hls
from nvr.playback.hls import playlist
from tests.conftest import ROOT
from tests.nvr.segment_files import BEGIN_US, PCMA, street_pictures, write_segment

CONSOLE = ROOT / "web" / "console"


@pytest.fixture(scope="module")
def inits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return files with different parameters.

    The first two and the last have the same parameters, the third and fourth others; the fifth has audio that browsers
    refuse.
    """
    folder = tmp_path_factory.mktemp("inits")
    made = [
        write_segment(folder, BEGIN_US + i * 10_000_000, street_pictures(size=size))
        for i, size in enumerate([(64, 48), (64, 48), (96, 64), (96, 64)])
    ]
    made.append(write_segment(folder, BEGIN_US + 40_000_000, street_pictures(), sound=PCMA))
    made.append(write_segment(folder, BEGIN_US + 50_000_000, street_pictures()))
    return [gops[0].path for gops in made]


def read_by_players(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return what hls-parser and hls.js read from the playlists."""
    if not (shutil.which("node") and (CONSOLE / "node_modules" / "hls-parser").is_dir()):
        pytest.skip("node or the console's packages are missing; run 'npm ci' in web/console")
    done = subprocess.run(
        ["node", str(ROOT / "tests" / "tools" / "hls_check.mjs"), str(CONSOLE)],
        input=json.dumps(list(texts)), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def spans(pieces: Sequence[tuple[int, int]], paths: Sequence[Path]) -> list[LocatedGop]:
    """Return GOPs from (pause before, length) in ms, each in a file of its own."""
    found, at = list[LocatedGop](), BEGIN_US
    for (pause, length), path in zip(pieces, paths, strict=True):
        at += pause * 1000
        found.append(LocatedGop(at, at + length * 1000, path, 1000, 500, at))
        at += length * 1000
    return found


_PIECES = st.lists(
    st.tuples(st.integers(0, 40_000), st.integers(40, 12_000), st.integers(0, 3)), min_size=1, max_size=12
)


@given(_PIECES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_each_entry_keeps_the_target_duration(inits: list[Path], pieces: list[tuple[int, int, int]]) -> None:
    gops = spans([p[:2] for p in pieces], [inits[p[2]] for p in pieces])
    text = playlist(gops, live=False)
    (target,) = map(int, re.findall(r"#EXT-X-TARGETDURATION:(\d+)", text))
    lengths = [float(x) for x in re.findall(r"#EXTINF:([\d.]+)", text)]
    assert all(math.floor(x + 0.5) <= target for x in lengths)
    # The playlist contains what was not recorded as a gap, to within a second per joint.
    assert sum(lengths) * 1e6 == pytest.approx(gops[-1].end_us - gops[0].start_us, abs=1_000_000 * len(pieces))
    addresses = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(a.endswith((".mp4", ".m4s")) for a in addresses + re.findall(r'URI="([^"]+)"', text))


def test_parameters_are_named_once_while_they_stay(inits: list[Path]) -> None:
    same, other = inits[0], inits[2]
    gops = spans(
        [(0, 2000), (0, 2000), (9000, 2000), (0, 2000), (0, 2000)], [same, inits[1], inits[5], other, inits[1]]
    )
    text = playlist(gops, live=False)
    assert re.findall(r'#EXT-X-MAP:URI="segment/(\d+)', text) == [str(gops[i].segment_us) for i in (0, 3, 4)]
    # Media time begins at 0 in every file: each file is a discontinuity (and so is the end of a gap).
    assert text.count("#EXT-X-DISCONTINUITY") == 5


def test_players_read_what_was_recorded_and_what_was_not(inits: list[Path]) -> None:
    pieces = [(0, 2000), (300, 1960), (7_321, 2000), (3_600_000, 12_000), (0, 40), (1001, 2000)]
    gops = spans(pieces, [inits[i] for i in (0, 1, 2, 3, 4, 5)])
    texts = [playlist(gops, live=live, keyframes=k) for live in (False, True) for k in (False, True)]
    for found in read_by_players(texts):
        assert "error" not in found, found["error"]
        recorded = [f for f in found["fragments"] if not f["gap"]]
        assert [round(f["start"]) for f in recorded] == [pytest.approx(g.start_us / 1000, abs=1) for g in gops]
        missing = sum(f["duration"] for f in found["fragments"] if f["gap"])
        assert missing == pytest.approx(7.321 + 3600 + 1.001, abs=0.5)
        assert [f["cc"] for f in recorded] == sorted({f["cc"] for f in recorded})  # one discontinuity per file
        assert len({f["init"] for f in recorded}) == found["maps"] == 4


def test_keyframes_of_a_file_are_placed_where_its_media_time_begins(inits: list[Path]) -> None:
    """A range that begins inside a file: the file's keyframes start at its beginning nevertheless."""
    begun = spans([(0, 10_000)], inits[:1])[0]
    asked = [replace(begun, start_us=begun.start_us + 4_000_000)]
    text = playlist(asked, live=False, keyframes=True)
    assert "#EXTINF:10.000," in text and "PROGRAM-DATE-TIME:2026-11-21T08:30:05.000Z" in text


@pytest.mark.parametrize(("first", "last"), [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (1, 4)])
def test_a_keyframe_playlist_lasts_as_long_as_what_it_gives(first: int, last: int, tmp_path: Path) -> None:
    """Also if the range ends inside a file."""
    gops = [g for i in range(2) for g in write_segment(tmp_path, BEGIN_US + i * 2_000_000, street_pictures())]
    text = playlist(gops[first:last], live=False, keyframes=True)
    told = [float(x) for x in re.findall(r"#EXTINF:([\d.]+)", text)]
    names = re.findall(r"^segment/(\d+)/(keyframes\S*)$", text, re.M)
    paths = {str(g.segment_us): g.path for g in gops}
    assert len(told) == len(names) == (2 if last > 2 else 1)
    for seconds, (number, name) in zip(told, names, strict=True):
        made = tmp_path / "keyframes.mp4"
        made.write_bytes(fmp4.read_init(paths[number]) + hls.segment_part(paths[number], 2_000_000, name))
        given_ = sum(f.duration for f in fmp4.scan(made)) / fmp4.TIMESCALE
        assert seconds == pytest.approx(given_, abs=0.01)


@pytest.mark.parametrize("keyframes", [False, True])
def test_a_file_that_has_gone_is_a_gap(tmp_path: Path, keyframes: bool) -> None:
    gops = [g for i in range(4) for g in write_segment(tmp_path, BEGIN_US + i * 2_000_000, street_pictures())]
    gops[2].path.unlink()
    gops[4].path.write_bytes(b"damaged")
    text = playlist(gops, live=False, keyframes=keyframes)
    assert {g.segment_us for g in gops if str(g.segment_us) in text} == {gops[0].segment_us, gops[6].segment_us}
    lengths = [float(x) for x in re.findall(r"#EXT-X-GAP\n#EXTINF:([\d.]+)", text)]
    assert sum(lengths) == pytest.approx(4.0)


@pytest.fixture(
    params=[(None, None, None), (PCMA, PCMA, PCMA), (None, PCMA, None)],
    ids=["plain", "sound that browsers refuse", "sound in one"],
)
async def served(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Yield the address of a playlist over three files, the last one after a gap and with another size."""
    starts = [BEGIN_US, BEGIN_US + 2_000_000, BEGIN_US + 9_500_000]

    def made() -> list[LocatedGop]:
        sizes = [(64, 48), (64, 48), (96, 64)]
        films = zip(starts, sizes, request.param, strict=True)
        return [
            g
            for start, size, sound in films
            for g in write_segment(tmp_path, start, street_pictures(size=size), sound=sound)
        ]

    gops = await asyncio.to_thread(made)
    text = await asyncio.to_thread(playlist, gops, live=False)
    paths = {g.segment_us: g.path for g in gops}
    app = web.Application()

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="application/vnd.apple.mpegurl")

    async def whole(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(paths[int(request.match_info["number"])], headers={"Content-Type": "video/mp4"})

    async def part(request: web.Request) -> web.Response:
        path = paths[int(request.match_info["number"])]
        data = await asyncio.to_thread(hls.segment_part, path, 2_000_000, request.match_info["part"])
        return web.Response(body=data, content_type="video/mp4")

    app.router.add_get("/index.m3u8", index)
    app.router.add_get("/segment/{number}.mp4", whole)
    app.router.add_get("/segment/{number}/{part}", part)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/index.m3u8"  # type: ignore[attr-defined]
    await runner.cleanup()


async def output_of(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, stdin=asyncio.subprocess.DEVNULL
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, out.decode(errors="replace")


async def test_ffmpeg_reads_the_playlist_as_it_stands(served: str) -> None:
    """Debian's ffmpeg accepts only addresses with a media file's extension."""
    status, out = await output_of(
        "ffprobe",
        "-v",
        "error",
        "-count_packets",
        "-select_streams",
        "v",
        "-show_entries",
        "stream=nb_read_packets",
        "-of",
        "csv=p=0",
        served,
    )
    assert status == 0 and "allowed_segment_extensions" not in out, out
    assert {int(line) for line in out.split() if line.isdigit()} == {60}, out


@pytest.mark.skipif(shutil.which("mpv") is None, reason="mpv is not installed")
async def test_mpv_plays_the_playlist(served: str) -> None:
    status, out = await output_of(
        "mpv", "--no-config", "--vo=null", "--ao=null", "--untimed", "--no-audio", "--msg-level=all=error",
        "--term-status-msg=", served,
    )  # fmt: skip
    assert status == 0 and "rror" not in out.replace("gap.mp4", ""), out
