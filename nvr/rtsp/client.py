"""RTSP 1.0 client, TCP-interleaved: from an address to a playing socket.

`open_session` does OPTIONS, DESCRIBE, SETUP and PLAY with a deadline on every step and returns the raw socket; the
native engine reads RTP from it. Interleaved frames that arrive before the PLAY reply are kept. OPTIONS is optional: the
dialogue continues whatever the reply is, and if a camera closes the connection or does not reply to OPTIONS, the client
connects again without it. nvr.rtsp.rtsp_dialogue sends requests and reads replies. A refused credential raises
CameraRefused and is not retried. Redirects are followed up to three times, on the same host only, so that a camera
cannot direct the recorder to another host.
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
    address_with_password,
    checked_redirect,
    connect,
)
from nvr.rtsp.sdp import (
    AudioTrack,
    VideoTrack,
    aggregate_control,
    audio_track,
    base_of,
    missing_audio_reason,
    video_track,
)
from nvr.rtsp.transports import interleaved, interleaved_channels, native_url, stated_ssrc


@dataclass(slots=True)
class RtspSession:
    """A playing session. `initial_data` holds the bytes that arrived before or with the PLAY reply."""

    sock: socket.socket
    url: str
    track: VideoTrack
    session_id: str
    timeout: int  # seconds after which the camera ends the session
    keepalive: str  # method of keep-alive requests
    rtp_channel: int
    initial_data: bytes
    auth: Authenticator
    cseq: int
    audio: AudioTrack | None = None
    audio_channel: int = -1
    rtcp_channel: int = 1
    audio_rtcp_channel: int = -1
    audio_ssrc: int = -1  # announced for audio; -1: none
    ssrc: int = -1  # announced for video; -1: none
    missing_audio_reason: str = ""  # why there is no audio although it was requested

    @property
    def channels(self) -> tuple[int, ...]:
        """Interleaved channels (video RTP, video RTCP, audio RTP, audio RTCP); -1 where there is no audio."""
        return self.rtp_channel, self.rtcp_channel, self.audio_channel, self.audio_rtcp_channel

    def request(self, method: str) -> bytes:
        """Return a request to send on the playing socket (keep-alive, TEARDOWN)."""
        self.cseq += 1
        headers = [f"CSeq: {self.cseq}", f"Session: {self.session_id}", f"User-Agent: {USER_AGENT}"]
        authorization = self.auth.header(method, self.url)
        if authorization:
            headers.append(f"Authorization: {authorization}")
        return "\r\n".join([f"{method} {self.url} RTSP/1.0", *headers, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Replay:
    """A time range of a camera's own recording (ONVIF Profile G, Streaming Specification 6)."""

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

    `replay` requests a time range of the camera's own recording, as fast as it can send it. `remembered_as` is the
    address under which it is remembered that the camera offered Digest, if it differs from `url`. Raises
    CameraUnreachable, CameraRefused or ProtocolError; the socket is closed then.
    """
    # Insert a password into the configured address only, never into an address from a redirect.
    first = url = address_with_password(native_url(url), login)
    for _ in range(MAX_REDIRECTS + 1):
        try:
            return await _play(url, remembered_as or first, login, audio, replay)
        except RtspRedirect as e:
            url = checked_redirect(e.url, first)
    raise ProtocolError(f"the camera redirects more than {MAX_REDIRECTS} times")


async def check_credential(url: str, login: tuple[str, str] | None) -> None:
    """Set up a session and close it at once.

    Raises CameraRefused if the camera refuses the credential, otherwise the errors of `open_session`.
    """
    session = await open_session(url, login)
    try:
        with contextlib.suppress(OSError):
            session.sock.send(session.request("TEARDOWN"))
    finally:
        session.sock.close()


async def _play(
    url: str, remembered_as: str, login: tuple[str, str] | None, audio: bool, replay: Replay | None
) -> RtspSession:
    """Open one connection, or a second one without OPTIONS if the camera closes the first or does not reply to OPTIONS.

    Which cameras need this is remembered. `remembered_as` is the camera's own address before any redirect: that it
    offered Digest there counts wherever it redirects.
    """
    for with_options in (False,) if server_memory.needs_no_options(url) else (True, False):
        sock = await connect(url)
        dialogue = Dialogue(
            sock,
            login,
            has_digest=server_memory.offered_digest(remembered_as),
            may_use_basic=server_memory.may_use_basic(remembered_as),
        )
        try:
            session = await _negotiate(dialogue, url, audio, replay, with_options)
            if not with_options:
                server_memory.remember_without_options(url)
            return session
        except (ConnectionClosed, SilentAtOptions) as e:
            sock.close()
            if not (with_options and (dialogue.closed_at_options or isinstance(e, SilentAtOptions))):
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
    audio_setup = await _set_up_audio(dialogue, text, base, session) if audio else _AudioSetup()
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
        initial_data=bytes(dialogue.early_frames + dialogue.buffer),
        auth=dialogue.auth,
        cseq=dialogue.cseq,
        audio=audio_setup.track,
        audio_channel=audio_setup.rtp_channel,
        audio_rtcp_channel=audio_setup.rtcp_channel,
        audio_ssrc=audio_setup.ssrc,
        missing_audio_reason=audio_setup.missing_reason,
    )


@dataclass(frozen=True, slots=True)
class _AudioSetup:
    """Result of setting up audio; without `track` there is none, and `missing_reason` says why."""

    track: AudioTrack | None = None
    rtp_channel: int = -1
    rtcp_channel: int = -1
    ssrc: int = -1
    missing_reason: str = ""


async def _set_up_audio(dialogue: Dialogue, sdp: str, base: str, session: dict[str, str]) -> _AudioSetup:
    """Set up the first audio track.

    Errors do not end the session: video matters more, and some cameras describe audio that they do not send.
    """
    track = audio_track(sdp, base)
    if track is None:
        return _AudioSetup(missing_reason=f"audio is not recorded: {missing_audio_reason(sdp)}")
    try:
        reply = await dialogue.request("SETUP", track.control, {"Transport": interleaved(2), **session})
    except (CameraDeclined, TransportDeclined) as e:
        return _AudioSetup(missing_reason=f"audio is not recorded: {e}")
    transport = reply.headers.get("transport", "")
    return _AudioSetup(track, *interleaved_channels(transport, 2), stated_ssrc(transport))


def _keepalive(allowed: str) -> str:
    """Return the keep-alive method: one that the camera lists; GET_PARAMETER if it lists none (RFC 2326, 10.8)."""
    named = re.findall(r"\w+", allowed.upper())
    return next((m for m in ("GET_PARAMETER", "SET_PARAMETER") if m in named), "OPTIONS" if named else "GET_PARAMETER")
