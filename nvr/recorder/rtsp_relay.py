"""A relay on the loopback interface between ffmpeg and one camera: ffmpeg learns neither the address nor a password.

On its own, ffmpeg follows a redirect to any host and answers any authentication. The relay therefore sends its requests
(nvr.rtsp.rtsp_dialogue), logs in as the camera's entry allows, and follows redirects on the camera's own host only. It
writes the replies for ffmpeg itself: only the fields that ffmpeg needs, and complete interleaved frames, so that relay
and ffmpeg cannot interpret the data differently. The camera's addresses become names of the relay
(nvr.recorder.relay_addresses). RTSP over TLS ends here as well. Media over UDP reaches ffmpeg directly from the camera,
whose IP address it then learns.

A relay serves the program that knows its secret path, one connection after the other, until its context ends. `error`
says why it gave up the camera, which is more exact than ffmpeg's message about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.errors import CameraError, ConnectionLost, ProtocolError
from core.network.error_text import reason
from core.tasks import end, first_of, spawn
from nvr.recorder.relay_addresses import RelayAddresses
from nvr.rtsp import message_text, server_memory
from nvr.rtsp.camera_socket import READ_CHUNK_BYTES
from nvr.rtsp.camera_tls import connected
from nvr.rtsp.reply_reader import MAX_BODY, Reply
from nvr.rtsp.rtsp_dialogue import (
    MAX_CHALLENGES,
    MAX_REDIRECTS,
    Dialogue,
    RtspRedirect,
    address_with_password,
    checked_redirect,
)
from nvr.rtsp.status_codes import judge

FIRST_REQUEST_S = 5.0  # for a client to prove with the secret path that it is ffmpeg
MAX_HEAD = 8192  # bytes of a message between media
MAX_PENDING = 16  # unanswered requests while media flows
_OPTIONAL = ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN")  # their 401 says nothing about the credential
_FIELDS = {  # fields of a reply that are passed to ffmpeg
    "session": "Session",
    "transport": "Transport",
    "content-base": "Content-Base",
    "content-type": "Content-Type",
    "range": "Range",
    "rtp-info": "RTP-Info",
    "public": "Public",
}
_OURS = ("cseq", "authorization")  # fields of ffmpeg's requests that the relay writes itself
_NEXT = re.compile(rb"\$|RTSP/")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(slots=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str]
    cseq: str
    tries: int = 0


class _FfmpegGone(Exception):
    """The client closed its connection, or is not ffmpeg."""


class _Requests:
    """Reads what ffmpeg sends: requests without a body, and interleaved frames."""

    def __init__(self, sock: socket.socket):
        self._sock = sock
        self._buffer = bytearray()
        self._again: _Request | None = None

    def put_back(self, request: _Request) -> None:
        """Make the request the next one again, because it was not answered yet."""
        self._again = request

    async def next(self) -> _Request | bytes:
        """Return the next request or frame. Raises _FfmpegGone."""
        if self._again is not None:
            request, self._again = self._again, None
            return request
        while True:
            found = self._frame() if self._buffer[:1] == b"$" else self._request()
            if found is not None:
                return found
            try:
                data = await asyncio.get_running_loop().sock_recv(self._sock, READ_CHUNK_BYTES)
            except OSError as e:
                raise _FfmpegGone from e
            if not data or len(self._buffer) > message_text.MAX_HEAD + MAX_BODY:
                raise _FfmpegGone
            self._buffer += data

    def _frame(self) -> bytes | None:
        size = 4 + int.from_bytes(self._buffer[2:4], "big")
        if len(self._buffer) < max(4, size):
            return None
        frame = bytes(self._buffer[:size])
        del self._buffer[:size]
        return frame

    def _request(self) -> _Request | None:
        found = message_text.head_end(self._buffer, 0, len(self._buffer))
        if found is None:
            return None
        try:
            first, named = message_text.fields(bytes(self._buffer[: found[0]]))
        except ProtocolError as e:
            raise _FfmpegGone from e
        del self._buffer[: found[1]]
        method, _, rest = first.partition(" ")
        headers = {"-".join(w.capitalize() for w in k.split("-")): v for k, v in named if k not in _OURS}
        return _Request(method, rest.rpartition(" ")[0], headers, dict(named).get("cseq", "0"))


class Relay:
    """Relay to one camera. Raises nothing itself; failures are in `error`."""

    def __init__(self, url: str, login: tuple[str, str] | None, listener: socket.socket):
        self._first = url
        self._login = login
        self._listener = listener
        base = f"rtsp://127.0.0.1:{listener.getsockname()[1]}/{secrets.token_urlsafe(18)}"
        self._base = base
        self.addresses = RelayAddresses(base, url)
        self.error: CameraError | None = None

    @property
    def address(self) -> str:
        """Address for ffmpeg. It ends in a slash if the camera's does, because ffmpeg appends track names to it."""
        return self._base + ("/" if self.addresses.stream.endswith("/") else "")

    async def serve(self) -> None:
        """Serve clients until cancelled, or until the camera gives a reason to end."""
        while self.error is None:
            client, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            client.setblocking(False)
            try:
                await self._serve(client)
            except CameraError as e:
                self.error = e
            except (_FfmpegGone, TimeoutError):
                pass
            finally:
                client.close()

    async def _serve(self, client: socket.socket) -> None:
        requests = _Requests(client)
        async with asyncio.timeout(FIRST_REQUEST_S):
            request = await requests.next()
        if not isinstance(request, _Request) or self.addresses.below(request.url) is None:
            raise _FfmpegGone
        requests.put_back(request)
        for _ in range(MAX_REDIRECTS + 1):
            try:
                async with connected(self.addresses.stream) as sock:
                    return await self._converse(_CameraConnection(self, sock, client), requests)
            except RtspRedirect as e:
                self.addresses.stream = checked_redirect(e.url, self._first)
        raise ProtocolError(f"the camera redirects more than {MAX_REDIRECTS} times")

    async def _converse(self, line: _CameraConnection, requests: _Requests) -> None:
        """Relay requests, then media.

        Raises CameraError, _FfmpegGone; RtspRedirect, and the redirected request is then the next one.
        """
        try:
            while not line.plays:
                request = await requests.next()
                if not isinstance(request, _Request):
                    continue
                try:
                    await line.ask(request)
                except RtspRedirect:
                    requests.put_back(request)
                    raise
            await line.copy(requests)
        finally:
            line.leave()
            if line.dialogue.auth.has_digest:
                server_memory.remember_digest(self._first)

    def dialogue(self, sock: socket.socket) -> Dialogue:
        """Return a dialogue with the camera on a new connection."""
        return Dialogue(
            sock,
            self._login,
            has_digest=server_memory.offered_digest(self._first),
            may_use_basic=server_memory.may_use_basic(self._first),
        )


class _CameraConnection:
    """One connection of ffmpeg to the camera."""

    def __init__(self, relay: Relay, sock: socket.socket, client: socket.socket):
        self._relay = relay
        self._sock = sock
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._pending: dict[str, _Request] = {}  # sent while media flows, by our CSeq
        self._session = self._play_url = ""
        self.dialogue = relay.dialogue(sock)
        self.plays = False

    async def ask(self, request: _Request) -> None:
        """Before media flows, relay one request and its reply. Raises CameraError, RtspRedirect."""
        url = self._relay.addresses.to_camera(request.url)
        reply = await self.dialogue.relay_request(request.method, url, dict(request.headers))
        self._judge(request.method, reply)
        if request.method == "SETUP" and reply.status == 200:
            self._relay.addresses.note_set_up(request.url)
        if request.method == "PLAY" and reply.status == 200:
            self.plays, self._play_url = True, url
        await self._write_reply(request, reply)

    def _judge(self, method: str, reply: Reply) -> None:
        """Handle replies that ffmpeg must not interpret. Raises CameraError, RtspRedirect."""
        if method in _OPTIONAL and reply.status == 401 and not self.dialogue.auth.wants_clear_password:
            return
        self.dialogue.judge_refusal(method, reply)
        if reply.status == 401 or 300 <= reply.status < 400:
            raise judge(method, reply.status, with_login=self.dialogue.auth.login is not None)

    async def _write_reply(self, request: _Request, reply: Reply) -> None:
        """Write the reply for ffmpeg."""
        self._session = reply.headers.get("session", self._session).partition(";")[0]
        told = {name: reply.headers[k] for k, name in _FIELDS.items() if k in reply.headers}
        addresses, body = self._relay.addresses, reply.body
        for name, rewritten in (
            ("Transport", self._transport),
            ("Content-Base", addresses.base_for_ffmpeg),
            ("RTP-Info", addresses.info_for_ffmpeg),
        ):
            if name in told and (value := rewritten(told.pop(name))):
                told[name] = value
        if request.method == "DESCRIBE":
            body = addresses.description_for_ffmpeg(body)
        lines = [f"RTSP/1.0 {reply.status} {'OK' if reply.status == 200 else 'No'}", f"CSeq: {request.cseq}"]
        lines += [f"{name}: {_UNPRINTABLE.sub('', value)}" for name, value in told.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        await self._to_ffmpeg("\r\n".join([*lines, "", ""]).encode() + body)

    def _transport(self, told: str) -> str:
        """Rewrite a Transport field: UDP media comes from the camera, so ffmpeg must send its reports there.

        Whatever source the camera states is replaced by its address.
        """
        if "interleaved" in told.lower():
            return re.sub(r";\s*(source|destination)\s*=[^;,]*", "", told, flags=re.IGNORECASE)
        peer = self._sock.getpeername() if self._sock.family != socket.AF_UNIX else ()
        return re.sub(r";\s*source\s*=[^;,]*", "", told, flags=re.IGNORECASE) + (f";source={peer[0]}" if peer else "")

    async def _to_ffmpeg(self, data: bytes | bytearray) -> None:
        try:
            await self._loop.sock_sendall(self._client, data)
        except OSError as e:
            raise _FfmpegGone from e

    async def _to_camera(self, data: bytes) -> None:
        try:
            await self._loop.sock_sendall(self._sock, data)
        except OSError as e:
            raise ConnectionLost(f"connection lost: {reason(e)}") from e

    async def copy(self, requests: _Requests) -> None:
        """Copy in both directions while media flows, until either side ends.

        Raises CameraError where the camera did.
        """
        errors: list[CameraError] = []

        async def copying(work: Awaitable[None]) -> None:
            try:
                await work
            except CameraError as e:  # both directions may fail at once
                errors.append(e)
            except _FfmpegGone:
                pass

        await first_of(copying(self._copy_from_camera()), copying(self._copy_to_camera(requests)))
        if errors:
            raise errors[0]

    async def _copy_to_camera(self, requests: _Requests) -> None:
        """Copy reports and keep-alives. Raises CameraError, _FfmpegGone."""
        while True:
            sent = await requests.next()
            await (self._send(sent) if isinstance(sent, _Request) else self._to_camera(sent))

    async def _send(self, request: _Request) -> None:
        request.tries += 1
        data = self.dialogue.compose(
            request.method, self._relay.addresses.to_camera(request.url), dict(request.headers)
        )
        self._pending[str(self.dialogue.cseq)] = request
        if len(self._pending) > MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        await self._to_camera(data)

    async def _copy_from_camera(self) -> None:
        """Copy media, and the replies in between. Raises CameraError, _FfmpegGone."""
        buffer = self.dialogue.early_frames + self.dialogue.buffer
        while True:
            if size := _frames(buffer):
                await self._to_ffmpeg(buffer[:size])
                del buffer[:size]
            if buffer and buffer[0] != ord("$") and await self._parse_between_media(buffer):
                continue
            try:
                data = await self._loop.sock_recv(self._sock, READ_CHUNK_BYTES)
            except OSError as e:
                raise ConnectionLost(f"connection lost: {reason(e)}") from e
            if not data:
                raise ConnectionLost("the camera closed the connection")
            buffer += data

    async def _parse_between_media(self, buffer: bytearray) -> bool:
        """Remove a reply, or unknown bytes, from the beginning of the buffer; return False where it is incomplete."""
        if not buffer.startswith(b"RTSP/"):
            if b"RTSP/".startswith(bytes(buffer[:5])):
                return False
            found = _NEXT.search(buffer, 1)
            del buffer[: found.start() if found else max(1, len(buffer) - 4)]
            return bool(buffer)
        head = message_text.head_end(buffer, 0, min(len(buffer), MAX_HEAD))
        if head is None:
            if len(buffer) >= MAX_HEAD:
                raise ProtocolError(f"the header of a reply exceeds {MAX_HEAD} bytes")
            return False
        first, named = message_text.fields(bytes(buffer[: head[0]]))
        whole = head[1] + message_text.body_size(named, MAX_BODY)
        if len(buffer) < whole:
            return False
        status = re.search(r" (\d{3})(?!\d)", first)
        body = bytes(buffer[head[1] : whole])
        del buffer[:whole]
        if status is not None:
            challenges = [v for k, v in named if k == "www-authenticate"]
            await self._answered(Reply(int(status[1]), dict(named), challenges, body))
        return True

    async def _answered(self, reply: Reply) -> None:
        request = self._pending.pop(reply.headers.get("cseq", "").lstrip("0"), None)
        if request is None or reply.status < 200:
            return
        auth = self.dialogue.auth
        if reply.status == 401 and auth.challenge(reply.challenges) and request.tries <= MAX_CHALLENGES:
            return await self._send(request)
        if reply.status != 401:
            auth.accepted()
        if request.method not in _OPTIONAL:
            self._judge(request.method, reply)
        await self._write_reply(request, reply if reply.status < 300 else Reply(reply.status, {}, [], b""))

    def leave(self) -> None:
        """Send TEARDOWN, because a camera supports few sessions."""
        if self._play_url and self._session:
            with contextlib.suppress(OSError):
                self._sock.send(self.dialogue.compose("TEARDOWN", self._play_url, {"Session": self._session}))


def _frames(buffer: bytearray) -> int:
    """Return the size of the complete interleaved frames at the beginning of the buffer."""
    at, size = 0, len(buffer)
    while at + 4 <= size and buffer[at] == ord("$"):
        following = at + 4 + int.from_bytes(buffer[at + 2 : at + 4], "big")
        if following > size:
            break
        at = following
    return at


@asynccontextmanager
async def relay(url: str, login: tuple[str, str] | None) -> AsyncIterator[Relay]:
    """Provide a relay to a camera's stream for the `async with` block. Raises ClearPasswordRequested."""
    url = address_with_password(url, login)
    with socket.create_server(("127.0.0.1", 0), backlog=2) as listener:
        listener.setblocking(False)
        made = Relay(url, login, listener)
        serving = spawn(made.serve(), "relay for ffmpeg")
        try:
            yield made
        finally:
            await end(serving)
