"""The RTSP dialogue with arbitrary replies soon ends in a session or in a CameraError."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import CameraError
from core.network.authenticator import Authenticator
from nvr.rtsp import rtsp_dialogue
from nvr.rtsp.client import open_session
from nvr.rtsp.reply_reader import Reply
from nvr.rtsp.rtsp_dialogue import Dialogue

HEADERS = st.sampled_from(
    [
        "CSeq: 1",
        "CSeq: 2",
        "CSeq: x",
        "CSeq",
        "Content-Length: 5",
        "Content-Length: -1",
        "Content-Length: 99999999999999",
        "Content-Length: 5, 6",
        "Session: a;timeout=60",
        "Session: ;timeout=",
        "Session: ",
        "Transport: interleaved=2-3",
        "Transport: RTP/AVP;interleaved=999-1000",
        "Location: rtsp://127.0.0.1:1/x",
        "Location: http://",
        "Public: \xff\xfe",
        'WWW-Authenticate: Digest realm="a", nonce="b"',
        "WWW-Authenticate: Digest",
        'WWW-Authenticate: Basic realm="',
        ":",
        " : ",
    ]
)
REPLIES = st.builds(
    lambda version, status, headers, end, body: (
        ("\r\n".join([f"{version} {status}", *headers]) + end).encode("latin-1") + body
    ),
    st.sampled_from(["RTSP/1.0", "RTSP/2.0", "HTTP/1.1", "RTSP", "ﬀ".encode().decode("latin-1")]),
    st.sampled_from(["200 OK", "401 Unauthorized", "301 Moved", "404", "551 No", "999999 ?", "", "x y", "-1 No"]),
    st.lists(HEADERS, max_size=6),
    st.sampled_from(["\r\n\r\n", "\n\n", "\r\n", ""]),
    st.binary(max_size=40),
)
FRAMES = st.builds(
    lambda channel, data: b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data,
    st.integers(0, 255),
    st.binary(max_size=60),
)
TALK = st.lists(st.one_of(REPLIES, FRAMES, st.binary(max_size=80)), min_size=1, max_size=12)


async def converse(pieces: list[bytes], login: tuple[str, str] | None) -> None:
    """Answer every request with the next piece, whatever it is; then close the connection."""
    left = list(pieces)
    answering: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while left:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(left.pop(0))
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(5):
            with contextlib.suppress(CameraError):
                session = await open_session(f"rtsp://127.0.0.1:{port}/x", login)
                session.sock.close()
    finally:
        server.close()
        await asyncio.gather(*answering)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TALK, st.booleans())
def test_any_answers_end_in_a_session_or_a_camera_error(pieces: list[bytes], with_login: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rtsp_dialogue, "REPLY_SECONDS", 0.2)
        asyncio.run(converse(pieces, ("user", "pass") if with_login else None))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(REPLIES, FRAMES), min_size=1, max_size=4), st.lists(st.integers(1, 30), max_size=20))
def test_a_reply_is_the_same_however_it_is_torn(pieces: list[bytes], cuts: list[int]) -> None:
    """The parser yields the same result for bytes that arrive at once or in pieces."""
    data = b"".join(pieces)
    torn, at = list[bytes](), 0
    for size in cuts:
        torn.append(data[at : at + size])
        at += size
    torn.append(data[at:])
    assert _read([data]) == _read([t for t in torn if t])


def _read(pieces: list[bytes]) -> tuple[list[Reply], bytes, str]:
    """(replies, interleaved bytes stored, name of the final error)."""

    async def feed(end: socket.socket) -> None:
        for piece in pieces:
            await asyncio.get_running_loop().sock_sendall(end, piece)
        end.close()

    async def read() -> tuple[list[Reply], bytes, str]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        dialogue = Dialogue(ours, None)
        feeding = asyncio.create_task(feed(theirs))
        replies = list[Reply]()
        try:
            while True:
                replies.append(await dialogue._read_reply())
        except CameraError as e:
            return replies, bytes(dialogue.early_frames), type(e).__name__
        finally:
            await feeding
            ours.close()

    return asyncio.run(read())


@given(st.lists(st.one_of(HEADERS.map(lambda h: h.partition(": ")[2]), st.text(max_size=60)), max_size=4))
def test_any_challenge_gives_a_header_or_none(challenges: list[str]) -> None:
    auth = Authenticator(("user", 'p"a\\ss'))
    if auth.challenge(challenges):
        header = auth.header("DESCRIBE", "rtsp://x/")
        assert "\r" not in header and "\n" not in header
