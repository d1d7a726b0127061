"""RTSP server of the virtual cameras: TCP-interleaved, Basic and Digest, sender reports, switchable faults.

One timer task serves every player: at each tick, a player whose next pictures are due sends them as one slice of its
clip's prepared packets.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import struct
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cameras.virtual import card
from cameras.virtual.access_control import AccessControl
from cameras.virtual.clip import LoopClip
from cameras.virtual.sdp import describe
from core.tasks import spawn

log = logging.getLogger(__name__)

TICK_S = 0.04
SESSION_TIMEOUT_S = 60
SENDER_REPORT_INTERVAL_S = 5.0
MAX_BUFFERED_BYTES = 4_000_000
VARIANTS = ("black", "frozen", "blurred", "moved")
FAULTS = (*VARIANTS, "dead", "stalled", "wrong_password", "clock_wrong", "packet_loss", "garbage", "silent", "no_card")
REPLAY = "/replay"  # prefix of a mount's path: its recording on the card


@dataclass(slots=True)
class Mount:
    """One stream of a virtual camera: its healthy clip, faulty variants of it, and its current faults."""

    path: str
    clips: dict[str, LoopClip]  # 'healthy' and the prepared variants
    phase: float = 0.0  # seconds into the loop when the server starts
    login: tuple[str, str] | None = None
    basic: bool = False
    host: str = ""  # the camera's own address, if several share a server
    faults: set[str] = field(default_factory=set)
    loss: float = 0.05  # fraction of packets lost with 'packet_loss'
    access_control: AccessControl | None = None  # shared by the camera's streams and services
    clock_error: float = 3600.0  # seconds, with 'clock_wrong'
    sent_pictures: int = 0

    @property
    def clock_offset(self) -> float:
        """The camera's clock minus the true time, seconds."""
        return self.clock_error if "clock_wrong" in self.faults else 0.0

    def clip(self) -> LoopClip:
        wanted = next((f for f in sorted(self.faults) if f in self.clips), "healthy")
        return self.clips[wanted]


class Player(asyncio.Protocol):
    """One client connection."""

    def __init__(self, server: RtspServer):
        self._server = server
        self._buffer = bytearray()
        self._nonce = secrets.token_hex(16)
        self._mount: Mount | None = None
        self._clip: LoopClip | None = None
        self._next = 0  # index of the next picture of the clip, counted through all passes
        self._seq_shift = self._ts_shift = 0
        self._report_due = 0.0
        self._pictures = self._octets = self._packets = 0
        self.playing = False
        self._from_card = False
        self._replaying: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()  # set while the send buffer has space
        self._writable.set()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        host = transport.get_extra_info("sockname")[0]
        if all("dead" in m.faults for m in self._server.mounts if m.host in ("", host)):
            transport.abort()
            return
        self._server.players.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.playing = False
        self._server.players.discard(self)
        if self._replaying is not None:
            self._replaying.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer:
            if self._buffer[0] == 0x24:  # an interleaved packet from the client: an RTCP receiver report
                if len(self._buffer) < 4 or len(self._buffer) < 4 + int.from_bytes(self._buffer[2:4], "big"):
                    return
                del self._buffer[: 4 + int.from_bytes(self._buffer[2:4], "big")]
                continue
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > 65536 and self.transport:
                    self.transport.close()
                return
            head = self._buffer[:end].decode("utf-8", "replace")
            del self._buffer[: end + 4]
            self._answer(head)

    def _answer(self, head: str) -> None:
        lines = head.split("\r\n")
        method, _, rest = lines[0].partition(" ")
        url = rest.partition(" ")[0]
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        cseq = headers.get("cseq", "0")
        path = urlsplit(url).path
        if path.startswith(f"{REPLAY}/"):
            self._from_card, path = True, path.removeprefix(REPLAY)
        mount = self._server.mount(path) or self._mount
        if mount is not None and "silent" in mount.faults:
            return
        if method == "OPTIONS":
            self._reply(cseq, "200 OK", {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"})
        elif mount is None or "dead" in mount.faults:
            self._reply(cseq, "404 Not Found")
        elif "garbage" in mount.faults and method == "DESCRIBE":
            self._send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><body>camera</body></html>")
        elif not self._authorised(mount, method, headers.get("authorization", "")):
            challenge = "Basic" if mount.basic else f'Digest nonce="{self._nonce}", algorithm=MD5'
            scheme, _, more = challenge.partition(" ")
            self._reply(
                cseq,
                "401 Unauthorized",
                {"WWW-Authenticate": f'{scheme} realm="virtual"' + (f", {more}" if more else "")},
            )
        else:
            self._serve(method, url, headers, mount)

    def _serve(self, method: str, url: str, headers: dict[str, str], mount: Mount) -> None:
        cseq = headers.get("cseq", "0")
        session = {"Session": f"{id(self):x};timeout={SESSION_TIMEOUT_S}"}
        if method == "DESCRIBE":
            headers = {"Content-Type": "application/sdp", "Content-Base": url.rstrip("/") + "/"}
            self._reply(cseq, "200 OK", headers, self._description(mount))
        elif method == "SETUP":
            self._mount = mount
            self._reply(cseq, "200 OK", {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=4D574E47", **session})
        elif method == "PLAY" and self._mount and self._from_card:
            self._replay(cseq, headers, self._mount, session)
        elif method == "PLAY" and self._mount:
            self._reply(cseq, "200 OK", {"Range": "npt=now-", **session})
            self._start(self._mount)
        elif method == "GET_PARAMETER":
            self._reply(cseq, "200 OK", session)
        elif method == "TEARDOWN":
            self._reply(cseq, "200 OK")
            if self.transport:
                self.transport.close()
        else:
            self._reply(cseq, "455 Method Not Valid in This State")

    def _description(self, mount: Mount) -> bytes:
        return describe(mount.clip()).encode()

    def _replay(self, cseq: str, headers: dict[str, str], mount: Mount, session: dict[str, str]) -> None:
        stretch = card.ReplayRange.parse(headers)
        if stretch is None or "no_card" in mount.faults:
            self._reply(cseq, "457 Invalid Range")
            return
        self._reply(cseq, "200 OK", {"Range": headers["range"], **session})

        async def send(data: bytes) -> None:
            await self._writable.wait()
            self._send(data)
            await asyncio.sleep(0)

        switched_on = self._server.switched_on - mount.phase
        number = int(cseq) if cseq.isdigit() else 0
        self._replaying = spawn(
            card.play(mount.clips["healthy"], stretch, switched_on, mount.clock_offset, number, send)
        )

    def _authorised(self, mount: Mount, method: str, given: str) -> bool:
        if mount.login is None:
            return True
        if "wrong_password" in mount.faults:
            return False
        if mount.access_control is None:
            mount.access_control = AccessControl(mount.login)
        if not given:
            return False
        return (
            mount.access_control.basic(given)
            if mount.basic
            else mount.access_control.digest(given, method, self._nonce)
        )

    def _reply(self, cseq: str, status: str, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {cseq}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self._send("\r\n".join([*lines, "", ""]).encode() + body)

    def _send(self, data: bytes | memoryview) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(data)

    def _start(self, mount: Mount) -> None:
        self._clip = clip = mount.clip()
        live = self._server.elapsed() + mount.phase
        index = int(live * clip.fps)
        number, frame = divmod(index, clip.frames)
        # A real camera starts with a keyframe when a client connects.
        self._next = number * clip.frames + max(k for k in clip.keyframes if k <= frame)
        self._base = time.monotonic() - self._next / clip.fps
        self._report_due = 0.0
        self.playing = True

    def shows(self, mount: Mount) -> bool:
        return self._mount is mount

    def end(self) -> None:
        """Send the queued data, then close."""
        self.playing = False
        if self.transport is not None:
            self.transport.close()

    def shift_timestamps(self, ticks: int) -> None:
        """Shift all later timestamps by `ticks` (1/90,000 s), as if the camera's clock had been set."""
        self._ts_shift = (self._ts_shift + ticks) & 0xFFFFFFFF

    @property
    def seconds_a_picture(self) -> float:
        return 1 / self._clip.fps if self._clip is not None else 1.0

    def send_next(self, later: float) -> None:
        """Send one picture, independent of the time."""
        self.tick(self._base + self._next * self.seconds_a_picture + later)

    def pictures_in(self, size: int) -> int:
        """Return how many of the last pictures are, completely or partly, in their last `size` bytes."""
        assert self._clip is not None
        count = 0
        while size > 0 and count < self._next:
            count += 1
            size -= len(self._clip.interleaved(self._next - count, 1, self._seq_shift, self._ts_shift))
        return count

    def tick(self, now: float) -> None:
        """Send every picture that is due."""
        mount, clip = self._mount, self._clip
        assert mount is not None and clip is not None and self.transport is not None
        if mount.faults and self._misbehave(mount):
            return
        if mount.clip() is not clip:
            clip = self._change_clip(mount, clip)
        due = int((now - self._base) * clip.fps) + 1
        if due - self._next > 10 * clip.fps:  # after a stall, continue with the current picture, as a camera does
            self._next = due - due % clip.frames
        if self.transport.get_write_buffer_size() > MAX_BUFFERED_BYTES:
            self._next = due  # a client that does not read loses pictures
            return
        while self._next < due:
            count = min(due - self._next, clip.frames - self._next % clip.frames)
            if "packet_loss" in mount.faults:
                count = 1
                for packet in clip.packet_slices(self._next, self._seq_shift, self._ts_shift):
                    if random.random() >= mount.loss:
                        self._send(packet)
            else:
                data = clip.interleaved(self._next, count, self._seq_shift, self._ts_shift)
                self._octets += len(data)
                self._send(data)
            self._next += count
            mount.sent_pictures += count
        if now >= self._report_due:
            self._report(mount, clip, now)

    def _misbehave(self, mount: Mount) -> bool:
        if "dead" in mount.faults and self.transport:
            self.transport.abort()
            return True
        if "garbage" in mount.faults:
            self._send(random.randbytes(2000))
            return True
        return bool(mount.faults & {"stalled", "silent"})

    def _change_clip(self, mount: Mount, old: LoopClip) -> LoopClip:
        """Switch to a variant at its first keyframe; sequence numbers and timestamps continue."""
        new = mount.clip()
        seq = old.sequence(self._next) + self._seq_shift
        ts = old.timestamp(self._next) + self._ts_shift
        now = time.monotonic()
        self._next = 0
        self._base = now
        self._seq_shift = (seq - new.sequence(0)) & 0xFFFF
        self._ts_shift = (ts - new.timestamp(0)) & 0xFFFFFFFF
        self._clip = new
        return new

    def _report(self, mount: Mount, clip: LoopClip, now: float) -> None:
        self._report_due = now + SENDER_REPORT_INTERVAL_S
        wall = time.time() + mount.clock_offset
        wall -= now - (self._base + self._next / clip.fps)
        seconds = int(wall)
        fraction = int((wall - seconds) * 2**32)
        ts = (clip.timestamp(self._next) + self._ts_shift) & 0xFFFFFFFF
        report = struct.pack(
            ">BBHIIIIII",
            0x80,
            200,
            6,
            0x4D574E47,
            (seconds + card.NTP_EPOCH) & 0xFFFFFFFF,
            fraction,
            ts,
            0,
            self._octets & 0xFFFFFFFF,
        )
        self._send(struct.pack(">cBH", b"$", 1, len(report)) + report)


class RtspServer:
    """Serves mounts on one address; a `player` object answers each connection."""

    def __init__(self, mounts: list[Mount], player: type[Player] = Player):
        self._player = player
        self._mounts = {m.path: m for m in mounts}
        self.players: set[Player] = set()
        self._started = time.monotonic()
        self.switched_on = time.time()
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.Task[None] | None = None

    @property
    def mounts(self) -> list[Mount]:
        return list(self._mounts.values())

    def mount(self, path: str) -> Mount | None:
        path = path.rstrip("/")
        return self._mounts.get(path) or self._mounts.get(path.rsplit("/", 1)[0])  # SETUP requests …/trackID=0

    def take_down(self, mount: Mount) -> None:
        """Take the camera down: data already sent still arrives, and clients cannot connect."""
        mount.faults.add("dead")
        self.interrupt(mount)

    def interrupt(self, mount: Mount) -> None:
        """Close all connections to a stream; clients may reconnect."""
        for player in list(self.players):
            if player.shows(mount):
                player.end()

    def elapsed(self) -> float:
        return time.monotonic() - self._started

    async def start(self, host: str | list[str], port: int) -> int:
        """Listen; return the port (0 requests a free one)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._player(self), host, port, backlog=1024)
        self._ticker = spawn(self._tick_for_ever(), "virtual cameras")
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    async def stop(self) -> None:
        if self._ticker:
            self._ticker.cancel()
        if self._server:
            self._server.close()
        for player in list(self.players):
            if player.transport:
                player.transport.abort()
        await asyncio.sleep(0)  # transports close in the next iteration of the event loop

    async def _tick_for_ever(self) -> None:
        due = time.monotonic()
        while True:
            now = time.monotonic()
            for player in list(self.players):
                if player.playing:
                    player.tick(now)
            due = max(due + TICK_S, now)
            await asyncio.sleep(due - time.monotonic())
