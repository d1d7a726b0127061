"""`engine: auto` against a camera that refuses the native engine what it gives ffmpeg."""

from __future__ import annotations

from sqlalchemy import select

from cameras.virtual.clip import Clip
from core.database import Database
from core.events import Event
from nvr.recorder import StreamSpec
from tests.nvr.conftest import Recording, eventually, segments_of
from tests.nvr.scripted_camera import Answer, Request, scripted


def _only_ffmpeg(request: Request) -> Answer | None:
    native = request.headers.get("user-agent") == "Minwang"
    return Answer("500 Internal Server Error") if native and request.method == "SETUP" else None


async def test_a_refused_request_leads_to_ffmpeg_and_is_told(clip: Clip, recording: Recording, database: Database) -> None:
    async with (
        scripted(clip, _only_ffmpeg) as camera,
        recording(StreamSpec("cam/main", camera.url, None, "auto")) as machine,
    ):
        state = machine.streams["cam/main"]
        await eventually(lambda: state.counters.frames > 5, 15)
        assert state.engine == "ffmpeg" and state.fell_back_at is not None
    segments = await segments_of(database)
    assert segments and not any(s.open for s in segments)  # stopped in the middle of ffmpeg's trial
    async with database.reading() as session:
        told = [e.data for e in await session.scalars(select(Event).where(Event.kind == "stream.fell_back"))]
    assert len(told) == 1 and "SETUP was answered with 500" in told[0]["why"] and told[0]["native_percent"] == 0
