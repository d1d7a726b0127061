"""Receive buffers limited by the kernel: such streams are read more often, and lose nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CameraUnreachable
from nvr.rtsp import camera_socket
from nvr.rtsp.camera_socket import CameraSocket, HeldBytes, ReadSchedule, granted_buffer, next_reading

CAP = 212_992  # Debian's net.core.rmem_max
PACKET = bytes(1400)


@pytest.fixture
def _capped(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system with a small net.core.rmem_max."""
    monkeypatch.setattr(camera_socket, "MAX_BUFFER", CAP)
    monkeypatch.setattr(camera_socket, "MIN_BUFFER", CAP)
    monkeypatch.setattr(camera_socket, "_reported_sizes", set())


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    """(our socket, the camera's): TCP on loopback, the camera's with a small send buffer."""
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    ours = socket.socket()
    ours.setblocking(False)
    camera_socket.request_buffer(ours, camera_socket.FIRST_BUFFER)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)
    await loop.sock_connect(ours, listener.getsockname())
    theirs, _ = await loop.sock_accept(listener)
    theirs.setblocking(False)
    listener.close()
    try:
        yield ours, theirs
    finally:
        ours.close()
        theirs.close()


async def bursts(theirs: socket.socket, count: int, size: int) -> int:
    """Send bursts at 40 Mb/s and return the packets dropped; like live555, drop a packet when the socket is full."""
    dropped = 0
    for _ in range(count):
        for k in range(size // len(PACKET)):
            try:
                dropped += theirs.send(PACKET) < len(PACKET)
            except BlockingIOError:
                dropped += 1
            if k % 10 == 9:
                await asyncio.sleep(0.002)
        await asyncio.sleep(0.1)
    return dropped


async def record(reading: ReadSchedule | None, size: int) -> tuple[int, int, ReadSchedule]:
    """(packets dropped, bytes received, final read schedule) of five bursts, polled every 0.4 s."""
    async with connected() as (ours, theirs):
        sock = CameraSocket(ours)
        if reading is not None:
            sock._read(reading)
        sending = asyncio.ensure_future(bursts(theirs, 5, size))
        view, came, ticks = memoryview(bytearray(2_000_000)), 0, 0
        while not sending.done():
            await asyncio.sleep(0.2)
            ticks += 1
            if ticks % 2:
                sock.drain()
            else:
                came += sock.receive(view)
        came += sock.receive(view)
        sock.adapt(2.0)
        last = sock.reading
        sock.close()
        return sending.result(), came, last


@pytest.mark.usefixtures("_capped")
async def test_a_capped_buffer_loses_nothing_when_it_is_read_as_it_fills(caplog: pytest.LogCaptureFixture) -> None:
    lost, _, _ = await record(ReadSchedule.EVERY_POLL, 700_000)
    kept, came, last = await record(None, 700_000)
    assert lost > 100  # the fault under test
    # A busy machine loses some.
    assert kept <= lost / 10 and came >= 3_500_000 - (kept + 1) * len(PACKET) and last is ReadSchedule.ON_ARRIVAL
    told = [r.getMessage() for r in caplog.records if "net.core.rmem_max" in r.getMessage()]
    assert len(told) == 1 and f"limits the receive buffer to {CAP} bytes" in told[0]


@pytest.mark.usefixtures("_capped")
async def test_a_slow_stream_goes_back_to_few_readings() -> None:
    _, came, last = await record(None, 4200)
    assert came == 21_000 and last is ReadSchedule.EVERY_POLL


async def test_what_came_before_the_end_is_handed_over_first() -> None:
    async with connected() as (ours, theirs):
        sock = CameraSocket(ours, b"early")
        sock._read(ReadSchedule.ON_ARRIVAL)
        theirs.send(b"late")
        await asyncio.sleep(0.02)
        theirs.close()
        await asyncio.sleep(0.02)
        view = memoryview(bytearray(100))
        assert sock.receive(view) == 9 and bytes(view[:9]) == b"earlylate"
        with pytest.raises(CameraUnreachable, match="closed"):
            sock.receive(view)
        sock.close()


async def test_the_kernel_s_grant_is_what_counts() -> None:
    with socket.socket() as sock:
        camera_socket.request_buffer(sock, 100_000)
        assert granted_buffer(sock) == 100_000


@given(st.sampled_from(ReadSchedule), st.integers(0, 1_000_000), st.integers(10_000, 1_000_000))
def test_readings_settle(reading: ReadSchedule, peak: int, room: int) -> None:
    """The same stream settles on one schedule instead of alternating."""
    seen = list[ReadSchedule]()
    for _ in range(6):
        reading = next_reading(reading, peak, room)
        seen.append(reading)
    assert seen[-1] is seen[-2]
    if peak > 0.7 * room:
        assert seen[-1] is ReadSchedule.ON_ARRIVAL
    if peak <= 0.3 * room:
        assert seen[-1] is ReadSchedule.EVERY_POLL


async def test_a_message_is_sent_whole_or_not_at_all() -> None:
    """After a pause in which the camera reads nothing, partial sends are completed before the next message."""
    async with connected() as (ours, theirs):
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        camera, sent, came = CameraSocket(ours), list[bytes](), bytearray()
        for k in range(40_000):
            message = b"$\1\2\0" + bytes([k % 251]) * 512
            before = len(camera._unsent)
            camera.send(message)
            sent.append(message)
            if before + len(message) > camera_socket.MAX_UNSENT:
                sent.pop()
                break
        assert len(camera._unsent) > 0
        view = memoryview(bytearray(100))
        for _ in range(1000):
            with contextlib.suppress(BlockingIOError):
                came += theirs.recv(1 << 20)
            camera.receive(view)
            await asyncio.sleep(0)
            if len(came) == sum(map(len, sent)):
                break
        assert bytes(came) == b"".join(sent)
        camera.close()


class SlowLoop:
    """Stands for the event loop of a socket; time passes as the test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now


async def test_a_late_poll_says_nothing_about_the_stream() -> None:
    async with connected() as (ours, theirs):
        loop, view = SlowLoop(), memoryview(bytearray(2_000_000))
        sock = CameraSocket(ours, poll_seconds=2.0)
        sock._loop, sock._noted = loop, 0.0  # type: ignore[assignment]
        sock._read(ReadSchedule.EVERY_POLL)
        for pause, expected in ((9.0, ReadSchedule.EVERY_POLL), (2.0, ReadSchedule.EVERY_TICK)):
            sock.granted = 10_000
            theirs.send(bytes(9000))
            loop.now += pause
            assert sock.receive(view) == 9000
            chosen = next_reading(sock.reading, sock._peak, sock.granted)
            assert chosen is expected
        sock.close()


async def test_all_sockets_together_hold_a_limited_number_of_bytes() -> None:
    held = HeldBytes(50_000)
    async with connected() as (ours, theirs), connected() as (others, far):
        first, second = CameraSocket(ours, b"early", held=held), CameraSocket(others, held=held)
        for sock, sender in ((first, theirs), (second, far)):
            sock._read(ReadSchedule.EVERY_TICK)
            sender.send(bytes(40_000))
            sock.drain()
        assert held.held == 50_000
        view = memoryview(bytearray(100_000))
        assert first.receive(view) == 40_005  # and what did not fit waits in the kernel
        assert second.receive(view) == 40_000
        assert held.held == 0
        theirs.send(bytes(10))
        first.drain()
        first.close()
        second.close()
        assert held.held == 0
