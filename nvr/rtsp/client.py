"""RTSP 1.0 client, TCP-interleaved: from an address to a playing socket.

`open_session` does OPTIONS, DESCRIBE, SETUP, PLAY with a deadline on every step and hands over the
raw socket; reading RTP from it is the native engine's affair. Interleaved frames that arrive before
the PLAY reply are kept. OPTIONS is optional: whatever it is answered with, the dialogue goes on,
and a camera that hangs up or is silent at it is asked without it. Requests and replies are nvr.rtsp.rtsp_dialogue's. One
refused credential raises CameraRefused and is not tried again. A redirection is followed up to three times, on the same host
only: a camera does not choose with whom we speak.
"""

from __future__ import annotations

import contextlib
import re
import socket
from dataclasses import dataclass

from core.errors import CameraDeclined, ProtocolError, TransportDeclined
from core.network.authenticator import Authenticator
from nvr.rtsp import server_memory
from nvr.rtsp.reply_reader import ConnectionClosed
from nvr.rtsp.rtsp_dialogue import (
    MAX_REDIRECTS,
    USER_AGENT,
    Dialogue,
    RtspRedirect,
    SilentAtOptions,
    address_with,
    connect,
    followed,
)
from nvr.rtsp.sdp import AudioTrack, VideoTrack, aggregate_control, audio_track, base_of, video_track, why_silent
from nvr.rtsp.transports import interleaved, interleaved_channels, native_url, stated_ssrc


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


@dataclass(frozen=True, slots=True)
class Replay:
    """A stretch of a camera's own recording (ONVIF Profile G, Streaming Specification 6)."""

    start: str  # ISO 8601 basic, UTC: 20261121T080000.000Z
    end: str


async def open_session(
    url: str,
    login: tuple[str, str] | None,
    *,
    audio: bool = False,
    replay: Replay | None = None,
    remembered_as: str = "",
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
        except RtspRedirect as e:
            url = followed(e.url, first)
    raise ProtocolError(f"the camera redirects more than {MAX_REDIRECTS} times")


async def check_credential(url: str, login: tuple[str, str] | None) -> None:
    """Set a session up and leave it at once. Raises CameraRefused where the camera refuses the credential, else as `open_session`."""
    session = await open_session(url, login)
    try:
        with contextlib.suppress(OSError):
            session.sock.send(session.request("TEARDOWN"))
    finally:
        session.sock.close()


async def _play(
    url: str, remembered_as: str, login: tuple[str, str] | None, audio: bool, replay: Replay | None
) -> RtspSession:
    """One connection, or two where the camera hangs up or is silent at OPTIONS; which cameras do is remembered.

    `remembered_as`: the camera's own address, before any redirection: what it offered there counts wherever it leads."""
    for with_options in (False,) if server_memory.is_asked_without_options(url) else (True, False):
        sock = await connect(url)
        dialogue = Dialogue(sock, login, has_digest=server_memory.offered_digest(remembered_as))
        try:
            session = await _negotiate(dialogue, url, audio, replay, with_options)
            if not with_options:
                server_memory.remember_without_options(url)
            return session
        except (ConnectionClosed, SilentAtOptions) as e:
            sock.close()
            if not (with_options and (dialogue.hung_up_at_options or isinstance(e, SilentAtOptions))):
                raise
        except BaseException:
            sock.close()
            raise
        finally:
            if dialogue.auth.has_digest:
                server_memory.remember_digest(remembered_as)
    raise AssertionError("unreachable")


async def _negotiate(
    dialogue: Dialogue, url: str, audio: bool, replay: Replay | None, with_options: bool
) -> RtspSession:
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
    dialogue: Dialogue, sdp: str, base: str, session: dict[str, str]
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
