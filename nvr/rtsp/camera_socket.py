"""The socket of a playing camera: when it is read, and how large its kernel buffer is.

A recorder reads its sockets a few times a second. Data that arrives in between must fit into the kernel's receive
buffer, which is limited to `net.core.rmem_max` (212,992 bytes on Debian). If the buffer is full, a camera that drops
packets when its socket blocks loses pictures. The granted buffer size is therefore compared with the received data, and
a stream that does not fit is read more often: at every tick of the poll loop, or on arrival. These bytes wait here for
the stream's next poll. A recorder that is late reads nothing earlier by reading more often: what arrived in a pause
that was longer than planned says nothing about the stream, and what all streams hold together is limited.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from enum import IntEnum

from core.errors import ConnectionLost
from core.host import memory
from core.network.error_text import reason

log = logging.getLogger(__name__)

FIRST_BUFFER = 1_048_576  # bytes of receive buffer requested until the stream's bit rate is known
MIN_BUFFER, MAX_BUFFER = 256 * 1024, 4 * 1024 * 1024
BUFFER_SECONDS = 3.0  # of the stream that the receive buffer should hold
MAX_FILL_SHARE = 0.7  # share of the granted buffer; if more arrives between two reads, read more often
TICK_FILL_SHARE, POLL_FILL_SHARE = 0.5, 0.3  # share of the granted buffer; if less arrives in a tick, read less often
REST_SECONDS = 0.002  # pause between two reads of a stream that is read on arrival
MAX_BUFFERED_BYTES = 8_000_000  # bytes held between two polls
MAX_BUFFERED_SHARE = 0.05  # of the memory, by all sockets of a process
TICK_SECONDS = 0.2  # between two ticks of the poll loop
LATE_FACTOR = 1.5  # of the planned pause, above which the poll loop was late
MAX_UNSENT = 16_384  # bytes of requests that the camera has not accepted yet
READ_CHUNK_BYTES = 262_144


class ReadSchedule(IntEnum):
    """When a socket is read."""

    EVERY_POLL = 0
    EVERY_TICK = 1
    ON_ARRIVAL = 2


class HeldBytes:
    """Counts what all sockets of a process hold between two polls; the sockets share one event loop."""

    def __init__(self, limit: int):
        self.limit = limit
        self.held = 0

    def room(self) -> int:
        return max(0, self.limit - self.held)


_HELD = HeldBytes(int(memory.total_bytes() * MAX_BUFFERED_SHARE))
_CHUNK = memoryview(bytearray(READ_CHUNK_BYTES))  # of all sockets: used within one call


class CameraSocket:
    """A non-blocking socket, owned by one session. All methods run in the event loop.

    `poll_seconds`: planned pause between two polls of the stream. `held`: shared by the sockets of a process.
    """

    def __init__(
        self, sock: socket.socket, initial_data: bytes = b"", poll_seconds: float = 2.0, held: HeldBytes = _HELD
    ):
        self._sock = sock
        self._waiting = bytearray(initial_data)
        self._unsent = bytearray()
        self._error: ConnectionLost | None = None
        self._loop = asyncio.get_running_loop()
        self._resting: asyncio.TimerHandle | None = None
        self._held = held
        self._held.held += len(initial_data)
        self._pauses = {ReadSchedule.EVERY_POLL: poll_seconds}
        self._noted = self._loop.time()
        self._since_tick = self._peak = 0  # bytes since the last tick or poll, and their maximum in this window
        self.received = 0  # bytes
        self.granted = granted_buffer(sock)
        self.reading = ReadSchedule.EVERY_POLL
        if self.granted < FIRST_BUFFER:
            _warn_once(self.granted)
            self._read(ReadSchedule.ON_ARRIVAL)  # until its bit rate is known

    def receive(self, view: memoryview) -> int:
        """Copy received data into the view; return the number of bytes.

        Raises ConnectionLost if the connection ended and all its data was delivered.
        """
        if self._unsent:
            self._send_on()
        size = min(len(view), len(self._waiting))
        if size:
            view[:size] = self._waiting[:size]
            del self._waiting[:size]
            self._held.held -= size
        if size < len(view):
            size += self._take(view[size:])
        self._note()
        if size == 0 and self._error is not None:
            raise self._error
        return size

    def drain(self) -> None:
        """Read the received data if the schedule requires it; called at ticks at which this stream is not polled."""
        if self.reading is ReadSchedule.EVERY_POLL:
            return
        self._keep()
        self._note()

    def _note(self) -> None:
        now = self._loop.time()
        if now - self._noted <= LATE_FACTOR * self._pauses.get(self.reading, TICK_SECONDS):
            self._peak = max(self._peak, self._since_tick)
        self._noted, self._since_tick = now, 0

    def _keep(self) -> bool:
        """Read what has arrived; return False if there was no room for all of it."""
        while (room := min(MAX_BUFFERED_BYTES - len(self._waiting), self._held.room(), READ_CHUNK_BYTES)) > 0:
            size = self._take(_CHUNK[:room])
            self._waiting += _CHUNK[:size]
            self._held.held += size
            if size < room:
                return True
        return False

    def _take(self, view: memoryview) -> int:
        if self._error is not None:
            return 0
        try:
            size = self._sock.recv_into(view)
        except BlockingIOError:
            return 0
        except OSError as e:
            return self._ended(f"connection lost: {reason(e)}")
        if size == 0:
            return self._ended("the camera closed the connection")
        self.received += size
        self._since_tick += size
        return size

    def _ended(self, why: str) -> int:
        self._error = ConnectionLost(why)
        self._stop_reading()
        return 0

    def adapt(self, seconds: float) -> None:
        """Request a suitable kernel buffer and choose the read schedule; called at the end of a window of `seconds`."""
        wanted = int(self.received / seconds * BUFFER_SECONDS)
        request_buffer(self._sock, max(MIN_BUFFER, min(MAX_BUFFER, wanted)))
        self.granted = granted_buffer(self._sock)
        self._read(next_reading(self.reading, self._peak, self.granted))
        self.received = self._peak = 0

    def _read(self, reading: ReadSchedule) -> None:
        before, self.reading = self.reading, reading
        if reading is ReadSchedule.ON_ARRIVAL and before is not reading and self._error is None:
            self._loop.add_reader(self._sock, self._arrived)
        elif before is ReadSchedule.ON_ARRIVAL and before is not reading:
            self._loop.remove_reader(self._sock)

    def _arrived(self) -> None:
        self._loop.remove_reader(self._sock)
        pause = REST_SECONDS if self._keep() else TICK_SECONDS
        if self._error is None:
            self._resting = self._loop.call_later(pause, self._rested)

    def _rested(self) -> None:
        self._resting = None
        if self.reading is ReadSchedule.ON_ARRIVAL and self._error is None:
            self._loop.add_reader(self._sock, self._arrived)

    def _stop_reading(self) -> None:
        if self.reading is ReadSchedule.ON_ARRIVAL:
            self._loop.remove_reader(self._sock)
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    def send(self, data: bytes) -> None:
        """Send a complete message, now or during the next reads.

        A message that exceeds MAX_UNSENT is dropped: if the camera accepts nothing any more, the watchdog ends the
        session.
        """
        if len(self._unsent) + len(data) <= MAX_UNSENT:
            self._unsent += data
            self._send_on()
        else:
            log.debug("a request was dropped because the camera accepts no data")

    def _send_on(self) -> None:
        """Send pending requests.

        After a partial send the rest must follow, because the camera parses the bytes in order.
        """
        try:
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:  # the next read reports the reason
            self._unsent.clear()

    def unread(self) -> bytes:
        """Return and clear the bytes that were read from the kernel but not delivered."""
        rest, self._waiting = bytes(self._waiting), bytearray()
        self._held.held -= len(rest)
        return rest

    def close(self) -> None:
        self.unread()
        self._stop_reading()
        self._sock.close()


def next_reading(reading: ReadSchedule, peak: int, room: int) -> ReadSchedule:
    """Return the next read schedule.

    `peak` is the largest number of bytes between two reads (with ON_ARRIVAL: in a tick), `room` the granted buffer
    size.
    """
    if reading is ReadSchedule.EVERY_POLL:
        return ReadSchedule.EVERY_TICK if peak > MAX_FILL_SHARE * room else reading
    if peak > MAX_FILL_SHARE * room:
        return ReadSchedule.ON_ARRIVAL
    if peak <= POLL_FILL_SHARE * room:
        return ReadSchedule.EVERY_POLL
    return ReadSchedule.EVERY_TICK if peak <= TICK_FILL_SHARE * room else reading


def request_buffer(sock: socket.socket, size: int) -> None:
    """Request a receive buffer. Call it before connecting, because TCP negotiates the window scale then."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(size, MAX_BUFFER))


def granted_buffer(sock: socket.socket) -> int:
    """Return the granted receive buffer in bytes.

    The kernel doubles the requested value and reports the doubled one (socket(7)).
    """
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


_reported_sizes: set[int] = set()


def _warn_once(size: int) -> None:
    if size not in _reported_sizes:
        _reported_sizes.add(size)
        log.warning(
            "the kernel limits the receive buffer to %d bytes; high bit rate streams are read more often, "
            "which costs CPU; set net.core.rmem_max to %d (docs/operations.md)",
            size,
            MAX_BUFFER,
        )
