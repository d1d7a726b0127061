"""Cameras that attack every client: each kind of oversized, endless or recursive answer, as RTSP servers on loopback.

python -m bench.parts.hostile_cameras PORT      # kind n listens on PORT + n; prints `ready` when all do
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from functools import partial

Writer = asyncio.StreamWriter
HEAD = b"RTSP/1.0 200 OK\r\nCSeq: %d\r\n"
SDP = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
GARBAGE = bytes(range(256)) * 200


async def head_without_end(writer: Writer, _: int) -> None:
    await pour(writer, b"RTSP/1.0 200 OK\r\nX: ", b"a" * 60_000)


async def endless_fields(writer: Writer, _: int) -> None:
    await pour(writer, b"RTSP/1.0 200 OK\r\n", b"a: b\r\n" * 10_000)


async def huge_challenge(writer: Writer, number: int) -> None:
    fields = b"WWW-Authenticate: Digest " + b"a" * 60_000 + b"\r\n"
    writer.write(b"RTSP/1.0 401 No\r\nCSeq: %d\r\n%s\r\n" % (number, fields))


async def many_challenges(writer: Writer, number: int) -> None:
    fields = b'WWW-Authenticate: Digest realm="a", nonce="' + b'\\"a=' * 400 + b'"\r\n'
    writer.write(b"RTSP/1.0 401 No\r\nCSeq: %d\r\n%s\r\n" % (number, fields * 30))


async def formats_without_number(writer: Writer, number: int) -> None:
    await describe(
        writer, number, "v=0\r\nm=video 0 RTP/AVP " + "96 97 " * 20_000 + "\r\n" + "a=rtpmap:98 X/1\r\n" * 7_000
    )


async def endless_description(writer: Writer, number: int) -> None:
    writer.write(HEAD % number + b"Content-Type: application/sdp\r\n\r\n")
    await pour(writer, SDP.encode(), b"a=fmtp:96 a=b;c=d\r\n" * 3_000)


async def redirect_to_itself(writer: Writer, number: int) -> None:
    port = writer.get_extra_info("sockname")[1]
    writer.write(
        b"RTSP/1.0 302 There\r\nCSeq: %d\r\nLocation: rtsp://127.0.0.1:%d/%s\r\n\r\n" % (number, port, b"a" * 1500)
    )


async def frames_before_an_answer(writer: Writer, _: int) -> None:
    await pour(writer, b"", b"$\0\xff\xff" + bytes(65_535))


async def start_codes_as_pictures(writer: Writer, number: int) -> None:
    await play(writer, number, b"\x06\x05\xff\xff\0\0\1" * 190)


async def damaged_sets_as_pictures(writer: Writer, number: int) -> None:
    await play(writer, number, b"\x67\x64\0\x1f" + b"\xff\x08" * 650)


KINDS: tuple[Callable[[Writer, int], Awaitable[None]], ...] = (
    head_without_end,
    endless_fields,
    huge_challenge,
    many_challenges,
    formats_without_number,
    endless_description,
    redirect_to_itself,
    frames_before_an_answer,
    start_codes_as_pictures,
    damaged_sets_as_pictures,
)


async def pour(writer: Writer, first: bytes, then: bytes) -> None:
    """Send as fast as the client reads, until it disconnects."""
    writer.write(first)
    while True:
        writer.write(then)
        await writer.drain()


async def describe(writer: Writer, number: int, text: str) -> None:
    body = text.encode()
    writer.write(HEAD % number + b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def play(writer: Writer, number: int, payload: bytes) -> None:
    """Run a valid session whose packets then contain what no encoder produces."""
    if number == 1:
        writer.write(HEAD % number + b"Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n")
    elif number == 2:
        await describe(writer, number, SDP)
    elif number == 3:
        writer.write(HEAD % number + b"Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n")
    else:
        writer.write(HEAD % number + b"Session: 1\r\n\r\n")
        for n in range(1_000_000):
            packet = (
                b"\x80\xe0"
                + (n & 0xFFFF).to_bytes(2, "big")
                + (n * 3600 & 0xFFFFFFFF).to_bytes(4, "big")
                + b"\0\0\0\1"
                + payload
            )
            writer.write(b"$\0" + len(packet).to_bytes(2, "big") + packet)
            await writer.drain()
            await asyncio.sleep(0.002)


async def serve(first: int) -> None:
    for offset, kind in enumerate(KINDS):
        await asyncio.start_server(partial(answer, kind), "127.0.0.1", first + offset)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def answer(kind: Callable[[Writer, int], Awaitable[None]], reader: asyncio.StreamReader, writer: Writer) -> None:
    number = 0
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        while True:
            request = await reader.readuntil(b"\r\n\r\n")
            number = next((int(f[5:]) for f in request.split(b"\r\n") if f.lower().startswith(b"cseq:")), number + 1)
            await kind(writer, number)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
