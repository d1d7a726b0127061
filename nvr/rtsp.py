"""RTSP 1.0 client, TCP-interleaved: from an address to a playing socket.

`open_session` does OPTIONS, DESCRIBE, SETUP, PLAY with a deadline on every step and hands over the
raw socket; reading RTP from it is the native engine's affair. Interleaved frames that arrive before
the PLAY reply are kept. One refused credential raises CameraRefused and is not tried again. A
redirection is followed up to three times; the credential goes along only to the same host.
"""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from cameras.onvif.addresses import filled
from core.authenticator import Authenticator
from core.errors import CameraDeclined, CameraRefused, CameraUnreachable, ProtocolError
from nvr.sdp import AudioTrack, VideoTrack, audio_track, video_track

CONNECT_SECONDS = 5.0
REPLY_SECONDS = 8.0
MAX_HEAD = 65_536
MAX_BODY = 262_144
MAX_REDIRECTS = 3
RECEIVE_BUFFER = 1_048_576  # until the stream's rate is known
USER_AGENT = "Minwang"


@dataclass(slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    challenges: list[str]
    body: bytes


@dataclass(slots=True)
class RtspSession:
    """A playing session. `early` holds bytes that came after the PLAY reply."""

    sock: socket.socket
    url: str
    track: VideoTrack
    session_id: str
    timeout: int  # seconds after which the camera forgets us
    keepalive: str  # method to send
    rtp_channel: int
    early: bytes
    auth: Authenticator
    cseq: int
    audio: AudioTrack | None = None
    audio_channel: int = -1

    def request(self, method: str) -> bytes:
        """A request to send on the playing socket (keep-alive, TEARDOWN)."""
        self.cseq += 1
        headers = [f"CSeq: {self.cseq}", f"Session: {self.session_id}", f"User-Agent: {USER_AGENT}"]
        authorization = self.auth.header(method, self.url)
        if authorization:
            headers.append(f"Authorization: {authorization}")
        return "\r\n".join([f"{method} {self.url} RTSP/1.0", *headers, "", ""]).encode()


class _Redirected(Exception):
    def __init__(self, url: str):
        self.url = url


@dataclass(frozen=True, slots=True)
class Replay:
    """A stretch of a camera's own recording (ONVIF Profile G, Streaming Specification 6)."""

    start: str  # ISO 8601 basic, UTC: 20261121T080000.000Z
    end: str


class _Dialogue:
    """Requests and replies on one socket while the session is being set up."""

    def __init__(self, sock: socket.socket, login: tuple[str, str] | None):
        self.sock = sock
        self.auth = Authenticator(login)
        self.buffer = bytearray()
        self.early = bytearray()
        self.cseq = 0

    async def request(self, method: str, url: str, extra: dict[str, str] | None = None) -> Reply:
        reply = await self._once(method, url, extra)
        if reply.status == 551 and extra and "Require" in extra:  # does what is required, but does not know the word
            del extra["Require"]
            reply = await self._once(method, url, extra)
        for _ in range(2):  # the first challenge, and one stale nonce
            if reply.status != 401:
                break
            if not self.auth.challenge(reply.challenges):
                raise CameraRefused(
                    "the camera refused the credential" if self.auth.login else "the camera wants a user and password"
                )
            reply = await self._once(method, url, extra)
        if reply.status == 401:
            raise CameraRefused("the camera refused the credential")
        if reply.status == 403:
            raise CameraRefused("the camera forbids this stream to the credential")
        if reply.status in (301, 302, 303, 305, 307) and "://" in reply.headers.get("location", ""):
            raise _Redirected(reply.headers["location"])
        if reply.status == 461:
            raise ProtocolError("the camera does not offer RTP over the RTSP connection")  # ffmpeg tries UDP
        if reply.status != 200:
            raise CameraDeclined(f"{method} was answered with {reply.status}")
        return reply

    async def _once(self, method: str, url: str, extra: dict[str, str] | None) -> Reply:
        self.cseq += 1
        headers = {"CSeq": str(self.cseq), "User-Agent": USER_AGENT, **(extra or {})}
        authorization = self.auth.header(method, url)
        if authorization:
            headers["Authorization"] = authorization
        text = "\r\n".join([f"{method} {url} RTSP/1.0", *(f"{k}: {v}" for k, v in headers.items()), "", ""])
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                await loop.sock_sendall(self.sock, text.encode())
                while True:
                    reply = await self._read_reply()
                    if reply.headers.get("cseq", str(self.cseq)) == str(self.cseq):
                        return reply
        except TimeoutError as e:
            raise CameraUnreachable(f"no answer to {method} within {REPLY_SECONDS:g} s") from e
        except OSError as e:
            raise CameraUnreachable(f"connection lost at {method}: {e.strerror or type(e).__name__}") from e

    async def _read_reply(self) -> Reply:
        while True:
            if self.buffer[:1] == b"$":
                if len(self.buffer) >= 4:
                    size = 4 + int.from_bytes(self.buffer[2:4], "big")
                    if len(self.buffer) >= size:
                        self.early += self.buffer[:size]
                        del self.buffer[:size]
                        continue
            elif self.buffer:
                reply = self._parse()
                if reply is not None:
                    return reply
            if len(self.early) > 4_000_000:
                raise ProtocolError("the camera sends media but never answers")
            await self._receive()

    async def _receive(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self.sock, 65_536)
        if not data:
            raise CameraUnreachable("the camera closed the connection")
        self.buffer += data

    def _parse(self) -> Reply | None:
        while self.buffer[:2] == b"\r\n":
            del self.buffer[:2]
        if self.buffer and not b"RTSP/1.0 ".startswith(bytes(self.buffer[:9])) and not self.buffer.startswith(b"RTSP/"):
            raise ProtocolError(f"the camera does not speak RTSP: {bytes(self.buffer[:24])!r}")
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > MAX_HEAD:
                raise ProtocolError("a reply's head does not end")
            return None
        lines = self.buffer[:end].decode("utf-8", "replace").split("\r\n")
        pairs = [(k.strip().lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines[1:])]
        headers = dict(pairs)
        try:
            length = int(headers.get("content-length", "0"))
            status = int(lines[0].split()[1])
        except (ValueError, IndexError) as e:
            raise ProtocolError(f"an unreadable reply: {lines[0][:60]!r}") from e
        if not 0 <= length <= MAX_BODY:
            raise ProtocolError(f"a reply states a body of {length} bytes")
        if len(self.buffer) < end + 4 + length:
            return None
        body = bytes(self.buffer[end + 4 : end + 4 + length])
        del self.buffer[: end + 4 + length]
        return Reply(status, headers, [v for k, v in pairs if k == "www-authenticate"], body)


async def open_session(
    url: str, login: tuple[str, str] | None, *, audio: bool = False, replay: Replay | None = None
) -> RtspSession:
    """Connect, authenticate, and start playing the first video track (with `audio`, the first audio track too).

    `replay` asks for a stretch of the camera's own recording, as fast as it can send it. Raises
    CameraUnreachable, CameraRefused or ProtocolError; the socket is closed then.
    """
    # Only here, and not in what a redirection names: a password that the camera keeps in its address.
    first = url = filled(url, login)
    for _ in range(MAX_REDIRECTS + 1):
        sock = await _connect(url)
        try:
            # A hostile camera must not send the credential to a host of its choice.
            same = urlsplit(url).hostname == urlsplit(first).hostname
            return await _negotiate(_Dialogue(sock, login if same else None), url, audio, replay)
        except _Redirected as e:
            sock.close()
            url = e.url
        except BaseException:
            sock.close()
            raise
    raise ProtocolError(f"the camera redirects more than {MAX_REDIRECTS} times")


async def _connect(url: str) -> socket.socket:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 554
    except ValueError as e:
        raise ProtocolError(f"'{url}' is not an RTSP address") from e
    if parts.scheme != "rtsp" or not host:
        raise ProtocolError(f"the native engine speaks rtsp:// only, not {parts.scheme}://")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            family, _, _, _, address = infos[0]
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            # Room for about two seconds of an 4 Mb/s stream: the engine empties it five times a second.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            try:
                await loop.sock_connect(sock, address)
            except BaseException:
                sock.close()
                raise
            return sock
    except TimeoutError as e:
        raise CameraUnreachable(f"no connection to {host}:{port} within {CONNECT_SECONDS:g} s") from e
    except OSError as e:
        raise CameraUnreachable(f"no connection to {host}:{port}: {e.strerror or type(e).__name__}") from e


async def _negotiate(dialogue: _Dialogue, url: str, audio: bool, replay: Replay | None) -> RtspSession:
    options = await dialogue.request("OPTIONS", url)
    described = await dialogue.request("DESCRIBE", url, {"Accept": "application/sdp"})
    base = described.headers.get("content-base") or described.headers.get("content-location") or url
    base = base if "://" in base else url
    text = described.body.decode("utf-8", "replace")
    track = video_track(text, base)
    sound = audio_track(text, base) if audio else None
    require = {"Require": "onvif-replay"} if replay else {}
    setup = await dialogue.request("SETUP", track.control, {"Transport": _transport(0), **require})
    session_id, _, parameters = setup.headers.get("session", "").partition(";")
    session = {"Session": session_id.strip()}
    if not session_id.strip():
        raise ProtocolError("SETUP was answered without a session")
    sound_channel = -1
    if sound is not None:
        try:
            answer = await dialogue.request("SETUP", sound.control, {"Transport": _transport(2), **session})
            sound_channel = _channel(answer, 2)
        except CameraDeclined:  # a camera that describes sound and does not give it: its pictures are what counts
            sound = None
    play = {"Range": "npt=0.000-"}
    if replay:
        play = {"Range": f"clock={replay.start}-{replay.end}", "Rate-Control": "no", "Immediate": "yes", **require}
    await dialogue.request("PLAY", base, {**session, **play})
    timeout = re.search(r"timeout\s*=\s*(\d+)", parameters)
    allowed = options.headers.get("public", "")
    return RtspSession(
        sock=dialogue.sock,
        url=base,
        track=track,
        session_id=session_id.strip(),
        timeout=max(10, int(timeout.group(1))) if timeout else 60,
        keepalive=next((m for m in ("GET_PARAMETER", "SET_PARAMETER") if re.search(rf"(?<!\w){m}\b", allowed)), "OPTIONS"),
        rtp_channel=_channel(setup, 0),
        early=bytes(dialogue.early + dialogue.buffer),
        auth=dialogue.auth,
        cseq=dialogue.cseq,
        audio=sound,
        audio_channel=sound_channel,
    )


def _transport(channel: int) -> str:
    return f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"


def _channel(setup: Reply, asked: int) -> int:
    """The channel that the camera chose, which need not be the one asked for."""
    chosen = re.search(r"interleaved=(\d+)-(\d+)", setup.headers.get("transport", ""))
    return int(chosen.group(1)) if chosen and int(chosen.group(1)) < 255 else asked
