"""RTSP text as cameras write it: bare line feeds, SDP with a wrong length, no reply to OPTIONS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConnectionLost, ProtocolError
from nvr.rtsp import interleaved, message_text, reply_reader, rtsp_dialogue
from nvr.rtsp.client import RtspSession, open_session

SDP = (
    "v=0\r\ns=村口\r\na=control:*\r\nm=audio 0 RTP/AVP 0\r\na=control:track2\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
).encode()
Answers = dict[str, bytes | None]  # reply by method; None: no reply


def reply(cseq: str, *fields: str, body: bytes = b"") -> bytes:
    return "\r\n".join(["RTSP/1.0 200 OK", f"CSeq: {cseq}", *fields, "", ""]).encode() + body


def answers(description: Callable[[str], bytes]) -> Callable[[str, str], bytes | None]:
    def answer(method: str, cseq: str) -> bytes | None:
        if method == "DESCRIBE":
            return description(cseq)
        if method == "SETUP":
            return reply(cseq, "Session: 7", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        return reply(cseq)

    return answer


@asynccontextmanager
async def camera(answer: Callable[[str, str], bytes | None]) -> AsyncIterator[tuple[str, list[str]]]:
    """(address, methods requested). A zero byte in an answer is a pause."""
    asked, talking = list[str](), set[asyncio.Task[None]]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                asked.append(head.split()[0])
                told = answer(asked[-1], head.partition("CSeq: ")[2].split()[0])
                for piece in (told or b"").split(b"\0"):
                    writer.write(piece)
                    await asyncio.sleep(0.03)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"rtsp://127.0.0.1:{server.sockets[0].getsockname()[1]}/cam", asked
    finally:
        server.close()
        await asyncio.gather(*talking)


async def opened(answer: Callable[[str, str], bytes | None]) -> tuple[RtspSession, list[str]]:
    async with camera(answer) as (url, asked):
        session = await open_session(url, None)
        session.sock.close()
        return session, asked


def sized(size: int, body: bytes) -> Callable[[str], bytes]:
    return lambda cseq: reply(cseq, f"Content-Length: {size}", body=body)


DESCRIPTIONS: dict[str, Callable[[str], bytes]] = {
    "characters counted": sized(len(SDP.decode()), SDP),
    "line feeds counted": sized(len(SDP.replace(b"\r", b"")), SDP),
    "counted without its last line": sized(len(SDP) - 18, SDP),
    "the rest comes later": sized(len(SDP) - 11, SDP[:-11] + b"\0" + SDP[-11:]),
    "no length": lambda cseq: reply(cseq, "Content-Type: application/sdp", body=SDP),
    "no length, in pieces": lambda cseq: reply(cseq, body=b"\0".join((b"", SDP[:40], SDP[40:90], SDP[90:]))),
    "a length of nothing": sized(0, SDP),
    "too long": sized(len(SDP) + 2, SDP),
    "right": sized(len(SDP), SDP),
    "right, without its last line end": sized(len(SDP) - 2, SDP[:-2]),
    "bare line feeds": lambda cseq: sized(len(SDP), SDP)(cseq).replace(b"\r", b""),
    "empty lines first": lambda cseq: b"\n\r\n" + sized(len(SDP), SDP)(cseq),
}


@pytest.mark.parametrize("form", DESCRIPTIONS)
async def test_a_description_is_read_whatever_its_length_says(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_reader, "QUIET_SECONDS", 0.15)
    monkeypatch.setattr(reply_reader, "SHORT_BODY_SECONDS", 0.3)
    session, asked = await opened(answers(DESCRIPTIONS[form]))
    assert session.track.control.endswith("/track1") and asked == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]


async def test_every_head_may_end_in_bare_line_feeds() -> None:
    text = SDP.replace(b"\r", b"")
    usual = answers(sized(len(text), text))
    session, _ = await opened(lambda method, cseq: (usual(method, cseq) or b"").replace(b"\r", b""))
    assert session.session_id == "7"


async def test_what_follows_a_description_late_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest arrives after the timeout, with the next reply."""
    monkeypatch.setattr(reply_reader, "QUIET_SECONDS", 0.05)
    usual = answers(sized(len(SDP) - 1, SDP[:-1]))
    session, _ = await opened(lambda m, cseq: (b"ck1\r\n" if m == "SETUP" else b"") + (usual(m, cseq) or b""))
    assert session.track.control.endswith("/track1")
    with pytest.raises(ProtocolError, match="not RTSP"):
        await opened(lambda m, cseq: b"a=x\r\n" * 60_000 if m == "SETUP" else usual(m, cseq))


async def test_a_camera_silent_at_options_is_asked_without_it_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_dialogue, "OPTIONS_SECONDS", 0.1)
    usual = answers(sized(len(SDP), SDP))
    async with camera(lambda method, cseq: None if method == "OPTIONS" else usual(method, cseq)) as (url, asked):
        for _ in range(2):
            (await open_session(url, None)).sock.close()
        assert asked == ["OPTIONS", *["DESCRIBE", "SETUP", "PLAY"] * 2]


async def test_a_camera_silent_at_everything_is_left_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_dialogue, "OPTIONS_SECONDS", 0.05)
    monkeypatch.setattr(rtsp_dialogue, "REPLY_SECONDS", 0.1)
    async with camera(lambda method, cseq: None) as (url, asked):
        for _ in range(2):
            with pytest.raises(ConnectionLost, match="no answer to DESCRIBE"):
                await open_session(url, None)
        assert asked == ["OPTIONS", "DESCRIBE"] * 2  # nothing was remembered


@given(st.binary(max_size=200), st.sampled_from([b"\r\n\r\n", b"\n\n", b"\r\n\n", b"\n\r\n"]), st.binary(max_size=9))
def test_the_head_s_end_is_the_first_empty_line(before: bytes, end: bytes, behind: bytes) -> None:
    data = before + end + behind
    found = message_text.head_end(data, 0, len(data))
    assert found is not None and found[1] <= len(before + end)
    whole = data[: found[1]].replace(b"\r", b"")
    assert whole.endswith(b"\n\n") and b"\n\n" not in whole[:-1]


@pytest.mark.parametrize("length", ["", "Content-Length: 5\n", "Content-Length: 400\r\n"])
def test_replies_between_frames_in_bare_line_feeds(length: str) -> None:
    """A length may be stated although there is no body."""
    body = b"ab=cd" if "5" in length else b""
    frame = b"$\0\0\3abc"
    buffer = bytearray(frame + b"RTSP/1.0 200 OK\nCSeq: 1\n" + length.encode() + b"\n" + body + frame)
    assert [p for _, p in interleaved.packets(buffer)] == [b"abc", b"abc"] and not buffer


def test_reading_is_linear() -> None:
    """A head and a body that arrive byte by byte."""
    took = []
    for size in (20_000, 60_000):
        data = (
            b"RTSP/1.0 200 OK\r\n"
            + (b"X: " + b"a\r" * 900 + b"\r\n") * (size // 1800)
            + b"Content-Length: 60000\r\n\r\n"
            + b"m=" * 30_000
        )
        reader = reply_reader.ReplyReader(None)  # type: ignore[arg-type]
        began = time.process_time()
        for at in range(len(data)):
            reader.buffer += data[at : at + 1]
            found = reader._parse()
        took.append(time.process_time() - began)
        assert found is not None and len(found.body) == 60_000
    assert took[1] < 1.5


def test_text_ends_where_a_message_begins() -> None:
    for message in (b"RTSP/1.0 200 OK\r\n", b"OPTIONS rtsp://10.0.0.1/x RTSP/1.0\r\n", b"$\0\0\x10"):
        for text in (SDP, SDP[:-2], b"a=x $5 RTSPX\r\n"):
            assert message_text.text_end(text + message) == len(text), (text, message)
