"""RTSP 1.0 client, TCP-interleaved: from an address to a playing socket.

`open_session` does OPTIONS, DESCRIBE, SETUP, PLAY with a deadline on every step and hands over the
raw socket; reading RTP from it is the native engine's affair. Interleaved frames that arrive before
the PLAY reply are kept. OPTIONS is optional: whatever it is answered with, the dialogue goes on,
and a camera that hangs up or is silent at it is asked without it. What cameras write is read by nvr.rtsp_reader. One
refused credential raises CameraRefused and is not tried again. A redirection is followed up to three times, on the same host
only: a camera does not choose with whom we speak.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from cameras.onvif.addresses import filled, wants_password
from core.authenticator import Authenticator, ClearLogin
from core.errors import (
    CameraDeclined,
    CameraUnreachable,
    ClearPasswordWanted,
    ConnectionLost,
    ProtocolError,
    RedirectRefused,
    TransportDeclined,
)
from core.network_errors import reason
from nvr.answers import judge
from nvr.camera_socket import FIRST_BUFFER, ask
from nvr.rtsp_reader import Closed, Reply, ReplyReader
from nvr.sdp import AudioTrack, VideoTrack, aggregate_control, audio_track, base_of, video_track, why_silent
from nvr.transports import interleaved, interleaved_channels, native_url, stated_ssrc

CONNECT_SECONDS = 5.0
REPLY_SECONDS = 8.0
OPTIONS_SECONDS = 4.0  # then a camera is asked without OPTIONS
MAX_REMEMBERED = 4096
MAX_REDIRECTS = 3
CLEAR = (
    "the camera wants the password in clear (Basic, or in the address), and gets none; where it is the right camera and knows nothing "
    "better, 'allow_clear_password: true' in its file allows that"
)
MAX_URL = 1000  # characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
MAX_CHALLENGES = 3  # to one request: the first, a new nonce, one that grew old meanwhile
USER_AGENT = "Minwang"


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
    rtcp_channel: int = 1
    audio_rtcp_channel: int = -1
    audio_ssrc: int = -1  # announced for the sound; -1: none
    ssrc: int = -1  # announced for the pictures; -1: none
    silent: str = ""  # why there is no sound, where it was asked for

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the interleaved frames; -1 where there is no sound."""
        return self.rtp_channel, self.rtcp_channel, self.audio_channel, self.audio_rtcp_channel

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


class _SilentAtOptions(ConnectionLost):
    pass


@dataclass(frozen=True, slots=True)
class Replay:
    """A stretch of a camera's own recording (ONVIF Profile G, Streaming Specification 6)."""

    start: str  # ISO 8601 basic, UTC: 20261121T080000.000Z
    end: str


class _Dialogue(ReplyReader):
    """Requests and replies on one socket while the session is being set up."""

    def __init__(self, sock: socket.socket, login: tuple[str, str] | None, *, has_digest: bool = False):
        super().__init__(sock)
        self.auth = Authenticator(login, basic=isinstance(login, ClearLogin), has_digest=has_digest)
        self.cseq = 0
        self._options_declined = False

    @property
    def hung_up_at_options(self) -> bool:
        """A closed connection says nothing of what was asked after OPTIONS: that alone may be what the camera does not bear."""
        return self.cseq == 1 or (self._options_declined and self.cseq == 2)

    async def request(self, method: str, url: str, extra: dict[str, str] | None = None) -> Reply:
        """Raises CameraRefused, CameraDeclined, CameraUnreachable, ProtocolError."""
        reply = await self._authenticated(method, url, extra)
        if reply.status == 551 and extra and "Require" in extra:  # does what is required, but does not know the word
            del extra["Require"]
            reply = await self._authenticated(method, url, extra)
        if reply.status in (301, 302, 303, 305, 307) and "://" in reply.headers.get("location", ""):
            raise _Redirected(reply.headers["location"])
        if reply.status == 401 and self.auth.wants_clear:
            raise ClearPasswordWanted(CLEAR)
        if reply.status == 401 and self.auth.login is not None and not (reply.challenges and self.auth.answered):
            # Nothing was refused: the camera asked for nothing that we can answer. Another engine may.
            raise CameraDeclined(f"{method} was answered with 401 and no way to authenticate that is known here")
        if not 200 <= reply.status < 300:
            raise judge(method, reply.status, with_login=self.auth.login is not None)
        return reply

    async def _authenticated(self, method: str, url: str, extra: dict[str, str] | None) -> Reply:
        reply = await self._once(method, url, extra)
        for _ in range(MAX_CHALLENGES):
            if reply.status != 401 or not self.auth.challenge(reply.challenges):
                break
            reply = await self._once(method, url, extra)
        if reply.status != 401:
            self.auth.accepted()
        return reply

    async def options(self, url: str) -> str:
        """The methods that the camera names, empty where it names none. Its 401 is no refusal: the next request answers it.

        Raises CameraUnreachable, ProtocolError.
        """
        reply = await self._once("OPTIONS", url, None, min(OPTIONS_SECONDS, REPLY_SECONDS))
        if reply.status == 401:
            self.auth.challenge(reply.challenges)
        self._options_declined = reply.status >= 400
        if reply.status in (301, 302, 303, 305, 307) and "://" in reply.headers.get("location", ""):
            raise _Redirected(reply.headers["location"])
        return reply.headers.get("public", "") if reply.status == 200 else ""

    async def describe(self, url: str) -> tuple[dict[str, str], str]:
        """Headers and SDP, which is read to its end whatever length is stated. Raises as `request`."""
        reply = await self.request("DESCRIBE", url, {"Accept": "application/sdp"})
        with self._deadline("DESCRIBE"):
            async with asyncio.timeout(REPLY_SECONDS):
                body = await self._whole_description(reply)
        return reply.headers, body.decode("utf-8", "replace")

    async def _once(self, method: str, url: str, extra: dict[str, str] | None, seconds: float = 0.0) -> Reply:
        if _CONTROL.search(url):  # it would become lines of the request
            raise ProtocolError(f"an unreadable address: {url[:80]!r}")
        self.cseq += 1
        headers = {"CSeq": str(self.cseq), "User-Agent": USER_AGENT, **(extra or {})}
        authorization = self.auth.header(method, url)
        if authorization:
            headers["Authorization"] = authorization
        text = "\r\n".join([f"{method} {url} RTSP/1.0", *(f"{k}: {v}" for k, v in headers.items()), "", ""])
        loop = asyncio.get_running_loop()
        with self._deadline(method):
            async with asyncio.timeout(seconds or REPLY_SECONDS):
                await loop.sock_sendall(self.sock, text.encode())
                while True:
                    reply = await self._read_reply()
                    if reply.status >= 200 and reply.headers.get("cseq", "").lstrip("0") in ("", str(self.cseq)):
                        return reply

    @contextlib.contextmanager
    def _deadline(self, method: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError as e:
            if method == "OPTIONS":
                raise _SilentAtOptions(f"no answer to OPTIONS within {OPTIONS_SECONDS:g} s") from e
            raise ConnectionLost(f"no answer to {method} within {REPLY_SECONDS:g} s") from e
        except OSError as e:
            raise ConnectionLost(f"connection lost at {method}: {reason(e)}") from e


async def open_session(
    url: str, login: tuple[str, str] | None, *, audio: bool = False, replay: Replay | None = None, remembered_as: str = ""
) -> RtspSession:
    """Connect, authenticate, and start playing the first video track (with `audio`, the first audio track too).

    `replay` asks for a stretch of the camera's own recording, as fast as it can send it. `remembered_as`: the address under which
    is remembered that the camera offered Digest, where that is not `url`. Raises CameraUnreachable, CameraRefused or ProtocolError;
    the socket is closed then.
    """
    # Only here, and not in what a redirection names: a password that the camera keeps in its address.
    first = url = address_with(native_url(url), login)
    for _ in range(MAX_REDIRECTS + 1):
        try:
            return await _play(url, remembered_as or first, login, audio, replay)
        except _Redirected as e:
            url = _followed(e.url, first)
    raise ProtocolError(f"the camera redirects more than {MAX_REDIRECTS} times")


def address_with(url: str, login: tuple[str, str] | None) -> str:
    """The address to connect to, with the password where it belongs into it. Raises ClearPasswordWanted where it may not."""
    if login is not None and wants_password(url) and not isinstance(login, ClearLogin):
        raise ClearPasswordWanted(CLEAR)
    return filled(url, login)


async def refuse_clear(url: str, login: tuple[str, str] | None) -> None:
    """Before another program is given the credential, which it would send as it is asked to: raises ClearPasswordWanted where the
    camera asks for it in clear and may not have it. What else goes wrong here is that program's to tell."""
    url = address_with(native_url(url), login)
    if login is None or isinstance(login, ClearLogin) or not url.startswith("rtsp://"):
        return
    with contextlib.suppress(CameraUnreachable, ProtocolError):
        dialogue = _Dialogue(await _connect(url), login)
        try:
            reply = await dialogue._once("DESCRIBE", url, {"Accept": "application/sdp"})
            dialogue.auth.challenge(reply.challenges if reply.status == 401 else [])
        finally:
            dialogue.sock.close()
        if dialogue.auth.wants_clear:
            raise ClearPasswordWanted(CLEAR)


def _followed(url: str, first: str) -> str:
    """Where a redirection leads, if it may. Raises RedirectRefused: no other host, not even this machine itself; no signs that
    would become lines of a request; no user and password."""
    shown = ascii(url[:80])
    if len(url) > MAX_URL or _UNPRINTABLE.search(url):
        raise RedirectRefused(f"the camera redirects to an address that is none: {shown}")
    try:
        there, here = urlsplit(url), urlsplit(first)
        host, _ = there.hostname, there.port
    except ValueError as e:
        raise RedirectRefused(f"the camera redirects to an address that is none: {shown}") from e
    if there.scheme != "rtsp" or there.username is not None or not host or _canonical(host) != _canonical(here.hostname or ""):
        raise RedirectRefused(
            f"the camera redirects to another place ({shown}), which is not followed; give the stream's address in the inventory"
        )
    return url


def _canonical(host: str) -> str:
    """IP addresses in one form; IPv4 written as IPv6 is IPv4."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower().rstrip(".")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


async def check_credential(url: str, login: tuple[str, str] | None) -> None:
    """Set a session up and leave it at once. Raises CameraRefused where the camera refuses the credential, else as `open_session`."""
    session = await open_session(url, login)
    try:
        with contextlib.suppress(OSError):
            session.sock.send(session.request("TEARDOWN"))
    finally:
        session.sock.close()


async def _play(url: str, remembered_as: str, login: tuple[str, str] | None, audio: bool, replay: Replay | None) -> RtspSession:
    """One connection, or two where the camera hangs up or is silent at OPTIONS; which cameras do is remembered.

    `remembered_as`: the camera's own address, before any redirection: what it offered there counts wherever it leads."""
    for with_options in (False,) if is_asked_without_options(url) else (True, False):
        sock = await _connect(url)
        dialogue = _Dialogue(sock, login, has_digest=offered_digest(remembered_as))
        try:
            session = await _negotiate(dialogue, url, audio, replay, with_options)
            if not with_options:
                _remember(_without_options, _authority(url))
            return session
        except (Closed, _SilentAtOptions) as e:
            sock.close()
            if not (with_options and (dialogue.hung_up_at_options or isinstance(e, _SilentAtOptions))):
                raise
        except BaseException:
            sock.close()
            raise
        finally:
            if dialogue.auth.has_digest:
                remember_digest(remembered_as)
    raise AssertionError("unreachable")


_without_options: set[str] = set()  # authorities of addresses
_with_digest: set[str] = set()  # that offered Digest: nobody there is told the password any more


def offered_digest(url: str) -> bool:
    """The camera at the address offered Digest, to this process or, where `remember_digest` was told so, to one before."""
    return _authority(url) in _with_digest


def remember_digest(url: str) -> None:
    _remember(_with_digest, _authority(url))


def forget_digest(url: str) -> None:
    """A person says that another device hangs there now."""
    _with_digest.discard(_authority(url))


def is_asked_without_options(url: str) -> bool:
    """The camera gave its stream only to who did not ask OPTIONS."""
    return _authority(url) in _without_options


def _authority(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _remember(known: set[str], authority: str) -> None:
    if len(known) >= MAX_REMEMBERED:
        known.clear()
    known.add(authority)


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
            ask(sock, FIRST_BUFFER)
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
        raise CameraUnreachable(f"no connection to {host}:{port}: {reason(e)}") from e


async def _negotiate(
    dialogue: _Dialogue, url: str, audio: bool, replay: Replay | None, with_options: bool
) -> RtspSession:  # fmt: skip
    allowed = await dialogue.options(url) if with_options else ""
    headers, text = await dialogue.describe(url)
    base = base_of(headers, url)
    track, aggregate = video_track(text, base), aggregate_control(text, base)
    require = {"Require": "onvif-replay"} if replay else {}
    setup = await dialogue.request("SETUP", track.control, {"Transport": interleaved(0), **require})
    session_id, _, parameters = setup.headers.get("session", "").partition(";")
    session = {"Session": session_id.strip()}
    if not session_id.strip():
        raise ProtocolError("SETUP was answered without a session")
    sound, channels, silent = await _set_up_sound(dialogue, text, base, session) if audio else (None, (-1, -1, -1), "")
    play = {"Range": "npt=0.000-"}
    if replay:
        play = {"Range": f"clock={replay.start}-{replay.end}", "Rate-Control": "no", "Immediate": "yes", **require}
    await dialogue.request("PLAY", aggregate, {**session, **play})
    timeout = re.search(r"timeout\s*=\s*([0-9]{1,6})", parameters)
    rtp, rtcp = interleaved_channels(setup.headers.get("transport", ""), 0)
    return RtspSession(
        sock=dialogue.sock,
        url=aggregate,
        track=track,
        session_id=session_id.strip(),
        timeout=max(10, int(timeout.group(1))) if timeout else 60,
        keepalive=_keepalive(allowed),
        rtp_channel=rtp,
        ssrc=stated_ssrc(setup.headers.get("transport", "")),
        rtcp_channel=rtcp,
        early=bytes(dialogue.early + dialogue.buffer),
        auth=dialogue.auth,
        cseq=dialogue.cseq,
        audio=sound,
        audio_channel=channels[0],
        audio_rtcp_channel=channels[1],
        audio_ssrc=channels[2],
        silent=silent,
    )


async def _set_up_sound(
    dialogue: _Dialogue, sdp: str, base: str, session: dict[str, str]
) -> tuple[AudioTrack | None, tuple[int, int, int], str]:
    """(the track, its channels and SSRC, why there is none). The pictures are what counts: a camera may describe sound and not give it."""
    sound = audio_track(sdp, base)
    if sound is None:
        return None, (-1, -1, -1), f"no sound is recorded: {why_silent(sdp)}"
    try:
        answer = await dialogue.request("SETUP", sound.control, {"Transport": interleaved(2), **session})
    except (CameraDeclined, TransportDeclined) as e:
        return None, (-1, -1, -1), f"no sound is recorded: {e}"
    transport = answer.headers.get("transport", "")
    return sound, (*interleaved_channels(transport, 2), stated_ssrc(transport)), ""


def _keepalive(allowed: str) -> str:
    """The method that keeps the session alive: one that the camera names; GET_PARAMETER where it names none (RFC 2326, 10.8)."""
    named = re.findall(r"\w+", allowed.upper())
    return next((m for m in ("GET_PARAMETER", "SET_PARAMETER") if m in named), "OPTIONS" if named else "GET_PARAMETER")
