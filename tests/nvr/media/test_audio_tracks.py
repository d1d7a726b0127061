"""Audio from a third-party RTSP server, recorded to files that third-party players can read."""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.database import Database
from nvr.archive.reader import ArchiveReader
from nvr.archive.segment_index import SegmentFlag
from nvr.engine_choice import EngineKind
from nvr.media.mp4 import fmp4
from nvr.media.receiver.audio_depacketizer import AudioDepacketizer
from nvr.playback import clip, hls, mp4_writer
from nvr.rtsp.sdp import AudioCodec, AudioTrack, audio_track
from nvr.streams import StreamSpec
from tests.conftest import ROOT
from tests.nvr.conftest import Recording, eventually, place_of, segments_of
from tests.ports import free_port


@pytest.fixture(params=["aac", "pcm_alaw"])
def gst_camera(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """(codec, address) of GStreamer's RTSP server with video and a tone."""
    probe = ["/usr/bin/python3", "-c", "import gi; gi.require_version('GstRtspServer', '1.0')"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("GStreamer's RTSP server is not installed; ./minwang test names the packages")
    source = tmp_path / "source.mov"
    rate = "16000" if request.param == "aac" else "8000"
    subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180:rate=10",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440",
            "-t",
            "30",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "10",
            "-c:a",
            request.param,
            "-ar",
            rate,
            "-ac",
            "1",
            str(source),
        ],
        check=True,
    )
    port = free_port()
    command = ["/usr/bin/python3", str(ROOT / "tests" / "tools" / "gst_camera.py"), str(source), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready")
    yield request.param, f"rtsp://127.0.0.1:{port}/camera"
    process.kill()
    process.wait()
    process.stdout.close()


def streams(path: Path) -> dict[str, dict[str, str]]:
    """The streams of a file by codec; every sample decodes without an error message."""
    done = subprocess.run(
        [
            "ffprobe",
            "-v",
            "error",
            "-count_frames",
            "-show_entries",
            "stream=codec_name,nb_read_frames,duration,start_time",
            "-of",
            "json",
            str(path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return {s["codec_name"]: s for s in json.loads(done.stdout)["streams"]}


async def test_sound_is_recorded_where_it_is_asked_for(
    gst_camera: tuple[str, str], recording: Recording, database: Database, tmp_path: Path
) -> None:
    codec, url = gst_camera
    async with recording(
        StreamSpec("cam/main", url, None, EngineKind.NATIVE, audio=True), segment_seconds=4
    ) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].counters.frames >= 90, 25)
    segments = await segments_of(database)
    assert all(s.flags & SegmentFlag.AUDIO for s in segments)
    path = await place_of(database, segments[0])
    found = await asyncio.to_thread(streams, path)
    assert set(found) == {"h264", codec}
    assert int(found["h264"]["nb_read_frames"]) == segments[0].frames
    gops = await ArchiveReader(database, SystemClock()).gops("cam/main", segments[0].start_us, segments[-1].end_us)
    made = await asyncio.to_thread(clip.plan, gops)
    await asyncio.to_thread(mp4_writer.write, made, tmp_path / "clip.mp4")
    whole = await asyncio.to_thread(streams, tmp_path / "clip.mp4")
    assert set(whole) == {"h264", codec}
    assert float(whole[codec]["duration"]) == pytest.approx(float(whole["h264"]["duration"]), abs=1.0)
    # A browser never gets a track that it cannot play.
    silent = await asyncio.to_thread(hls.segment_part, path, segments[0].media_us, "init.mp4")
    assert b"soun" not in silent and fmp4.codec_string(silent).startswith("avc1.")
    pictures = await asyncio.to_thread(hls.video_only, path, gops[0].offset, gops[0].size)
    await asyncio.to_thread((tmp_path / "silent.mp4").write_bytes, silent + pictures)
    assert set(await asyncio.to_thread(streams, tmp_path / "silent.mp4")) == {"h264"}


async def test_sound_is_off_by_default(gst_camera: tuple[str, str], recording: Recording, database: Database) -> None:
    async with recording(StreamSpec("cam/main", gst_camera[1], None, EngineKind.NATIVE)) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].counters.frames >= 15, 20)
    (first, *_) = await segments_of(database)
    assert set(await asyncio.to_thread(streams, await place_of(database, first))) == {"h264"}
    assert not first.flags & SegmentFlag.AUDIO


def test_aac_access_units_are_taken_apart() -> None:
    track = AudioTrack(AudioCodec.AAC, 97, "", 16000, 1, bytes.fromhex("1408"))
    depacketizer = AudioDepacketizer(track)
    units = [b"abc", b"defgh"]
    headers = b"".join(struct.pack(">H", len(u) << 3) for u in units)
    depacketizer.push(memoryview(struct.pack(">H", len(headers) * 8) + headers + b"".join(units)), 5000)
    depacketizer.push(memoryview(struct.pack(">HH", 16, 4 << 3) + b"next"), 5000 + 2048)
    run = depacketizer.take()
    assert run is not None
    assert (run.sizes, run.durations, bytes(run.data)) == ([3, 5, 4], [1024] * 3, b"abcdefghnext")
    for broken in (b"", b"\0", b"\xff\xff", struct.pack(">HH", 16, 99 << 3) + b"short"):
        depacketizer.push(memoryview(broken), 9000)
    assert depacketizer.take() is None


def test_aac_of_small_units_has_headers_of_a_byte() -> None:
    depacketizer = AudioDepacketizer(AudioTrack(AudioCodec.AAC, 97, "", 16000, 1, bytes.fromhex("1408"), 6))
    depacketizer.push(memoryview(struct.pack(">HBB", 16, 3 << 2, 5 << 2) + b"abcdefgh"), 5000)
    run = depacketizer.take()
    assert run is not None and (run.sizes, bytes(run.data)) == ([3, 5], b"abcdefgh")


@pytest.mark.parametrize("size", [13, 6])
def test_more_access_units_than_any_packet_has_are_dropped(size: int) -> None:
    depacketizer = AudioDepacketizer(AudioTrack(AudioCodec.AAC, 97, "", 16000, 1, bytes.fromhex("1408"), size))
    for count in (65, 3000, 65535 // 8):
        depacketizer.push(memoryview(struct.pack(">H", count * 8) + b"\x08" * count + bytes(8000)), 5000)
    assert depacketizer.frames <= 64


@pytest.mark.parametrize(
    ("stated", "size"),
    [
        ("sizelength=13;indexlength=3", 13),
        ("mode=AAC-lbr;sizelength=6;indexlength=2", 6),
        ("mode=AAC-lbr", 6),
        ("sizelength=6", 6),
        ("", 13),
        ("sizelength=1;indexlength=0", 0),
        ("sizelength=16;indexlength=0", 0),
        ("sizelength=13;indexlength=2", 0),
        ("sizelength=-1;indexlength=17", 0),
        ("sizelength=1", 0),
    ],
)
def test_only_the_header_sizes_of_the_standard_are_read(stated: str, size: int) -> None:
    sdp = f"v=0\nm=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000\na=fmtp:97 {stated};config=1408\n"
    track = audio_track(sdp, "rtsp://h/")
    assert (track.size_bits if track is not None else 0) == size


def test_the_first_usable_sound_track_is_taken() -> None:
    sdp = "v=0\nm=video 0 RTP/AVP 96\nm=audio 0 RTP/AVP 99 8\na=rtpmap:99 OPUS/48000/2\na=control:track2\n"
    track = audio_track(sdp, "rtsp://h/cam")
    assert track is not None
    assert (track.codec, track.payload_type, track.rate, track.control) == ("pcma", 8, 8000, "rtsp://h/cam/track2")
    assert (
        audio_track("v=0\nm=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000\na=fmtp:97 config=zz\n", "rtsp://h/")
        is None
    )
