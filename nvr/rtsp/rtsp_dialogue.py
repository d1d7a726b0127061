"""RTSP dialogue with one camera: send requests, read replies, answer challenges, check redirects.

This module holds the rules for all engines: a refused credential is not retried; a password is sent in clear only if
the camera's entry allows it, and never to a camera that once offered Digest; a redirect may lead to the same host only.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from cameras.onvif.addresses import insert_credentials, wants_password
from core.errors import (
    CameraDeclined,
    CameraUnreachable,
    ClearPasswordRequested,
    ConnectionLost,
    ProtocolError,
    RedirectRefused,
)
from core.network.authenticator import Authenticator, PlainPasswordLogin
from core.network.error_text import reason
from nvr.rtsp.camera_socket import FIRST_BUFFER, request_buffer
from nvr.rtsp.reply_reader import Reply, ReplyReader
from nvr.rtsp.status_codes import judge

CONNECT_SECONDS = 5.0
REPLY_SECONDS = 8.0
OPTIONS_SECONDS = 4.0  # without a reply for this long, the client continues without OPTIONS
MAX_REDIRECTS = 3
CLEAR_PASSWORD_REFUSED_TEXT = (
    "the camera requests the password in clear (Basic, or in the address), which is not allowed; if this is the right "
    "camera and it does not support Digest, set 'allow_clear_password: true' in its entry"
)
MAX_URL = 1000  # characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
MAX_CHALLENGES = 3  # per request: the first, a new nonce, a nonce that became stale meanwhile
USER_AGENT = "Minwang"


class RtspRedirect(Exception):
    """The camera redirects to `url`."""

    def __init__(self, url: str):
        self.url = url


class SilentAtOptions(ConnectionLost):
    """The camera does not reply to OPTIONS; the client connects again without it."""


class Dialogue(ReplyReader):
    """Requests and replies on one socket while the session is being set up."""

    def __init__(
        self,
        sock: socket.socket,
        login: tuple[str, str] | None,
        *,
        has_digest: bool = False,
        may_use_basic: bool = True,
    ):
        """`has_digest`: the server offered Digest before; `may_use_basic`: a `PlainPasswordLogin` may be sent."""
        super().__init__(sock)
        self.auth = Authenticator(
            login, basic=may_use_basic and isinstance(login, PlainPasswordLogin), has_digest=has_digest
        )
        self.cseq = 0
        self._options_declined = False

    @property
    def closed_at_options(self) -> bool:
        """True if OPTIONS may be the reason that the camera closed the connection."""
        return self.cseq == 1 or (self._options_declined and self.cseq == 2)

    async def request(self, method: str, url: str, extra: dict[str, str] | None = None) -> Reply:
        """Send a request, answer challenges and return the reply.

        Raises CameraRefused, CameraDeclined, CameraUnreachable, ProtocolError, RtspRedirect.
        """
        reply = await self._authenticated(method, url, extra)
        if reply.status == 551 and extra and "Require" in extra:  # the camera may support it but reject Require
            without = {name: value for name, value in extra.items() if name != "Require"}
            reply = await self._authenticated(method, url, without)
        self.judge_refusal(method, reply)
        if not 200 <= reply.status < 300:
            raise judge(method, reply.status, with_login=self.auth.login is not None)
        return reply

    def judge_refusal(self, method: str, reply: Reply) -> None:
        """Raise RtspRedirect or ClearPasswordRequested; raise CameraDeclined for a 401 that refuses no credential."""
        raise_redirected(reply)
        if reply.status == 401 and self.auth.wants_clear_password:
            raise ClearPasswordRequested(CLEAR_PASSWORD_REFUSED_TEXT)
        if reply.status == 401 and self.auth.login is not None and not (reply.challenges and self.auth.answered):
            # The credential was not refused: we support no method that the camera offers. Another engine may.
            raise CameraDeclined(f"{method} was answered with 401 without a supported authentication method")

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
        """Return the methods that the camera lists, empty where it lists none.

        A 401 does not count as a refusal: the next request answers its challenge. Raises CameraUnreachable,
        ProtocolError, RtspRedirect.
        """
        reply = await self._once("OPTIONS", url, None, min(OPTIONS_SECONDS, REPLY_SECONDS))
        if reply.status == 401:
            self.auth.challenge(reply.challenges)
        self._options_declined = reply.status >= 400
        raise_redirected(reply)
        return reply.headers.get("public", "") if reply.status == 200 else ""

    async def describe(self, url: str) -> tuple[dict[str, str], str]:
        """Return headers and SDP; the SDP is complete whatever length is stated. Raises the errors of `request`."""
        reply = await self.request("DESCRIBE", url, {"Accept": "application/sdp"})
        return reply.headers, (await self._description(reply)).decode("utf-8", "replace")

    async def relay_request(self, method: str, url: str, extra: dict[str, str]) -> Reply:
        """Send another program's request and return the reply, whatever its status.

        Challenges are answered here, and an SDP is complete. Raises CameraUnreachable, ProtocolError.
        """
        reply = await self._authenticated(method, url, extra)
        if method == "DESCRIBE" and reply.status == 200:
            reply.body = await self._description(reply)
        return reply

    async def _description(self, reply: Reply) -> bytes:
        with self._deadline("DESCRIBE", REPLY_SECONDS):
            async with asyncio.timeout(REPLY_SECONDS):
                return await self._whole_description(reply)

    def compose(self, method: str, url: str, extra: dict[str, str] | None = None) -> bytes:
        """Return the next request, with the answer to the camera's last challenge. Raises ProtocolError."""
        if _CONTROL.search(url):  # line breaks would inject header lines into the request
            raise ProtocolError(f"the address contains control characters: {url[:80]!r}")
        self.cseq += 1
        headers = {"CSeq": str(self.cseq), "User-Agent": USER_AGENT, **(extra or {})}
        authorization = self.auth.header(method, url)
        if authorization:
            headers["Authorization"] = authorization
        return "\r\n".join([f"{method} {url} RTSP/1.0", *(f"{k}: {v}" for k, v in headers.items()), "", ""]).encode()

    async def _once(self, method: str, url: str, extra: dict[str, str] | None, seconds: float = 0.0) -> Reply:
        request = self.compose(method, url, extra)
        loop = asyncio.get_running_loop()
        with self._deadline(method, seconds or REPLY_SECONDS):
            async with asyncio.timeout(seconds or REPLY_SECONDS):
                await loop.sock_sendall(self.sock, request)
                while True:
                    reply = await self._read_reply()
                    if reply.status >= 200 and reply.headers.get("cseq", "").lstrip("0") in ("", str(self.cseq)):
                        return reply

    @contextlib.contextmanager
    def _deadline(self, method: str, seconds: float) -> Iterator[None]:
        """Convert the errors of a request that may take `seconds`."""
        try:
            yield
        except TimeoutError as e:
            if method == "OPTIONS":
                raise SilentAtOptions(f"no answer to OPTIONS within {seconds:g} s") from e
            raise ConnectionLost(f"no answer to {method} within {seconds:g} s") from e
        except OSError as e:
            raise ConnectionLost(f"connection lost at {method}: {reason(e)}") from e


def raise_redirected(reply: Reply) -> None:
    """Raise RtspRedirect if the reply is a redirect."""
    if reply.status in (301, 302, 303, 305, 307) and "://" in reply.headers.get("location", ""):
        raise RtspRedirect(reply.headers["location"])


def address_with_password(url: str, login: tuple[str, str] | None) -> str:
    """Return the address to connect to, with the password if the address contains a placeholder for it.

    Raises ClearPasswordRequested where the camera's entry does not allow that.
    """
    if login is not None and wants_password(url) and not isinstance(login, PlainPasswordLogin):
        raise ClearPasswordRequested(CLEAR_PASSWORD_REFUSED_TEXT)
    return insert_credentials(url, login)


def checked_redirect(url: str, first: str) -> str:
    """Return the target of a redirect.

    Raises RedirectRefused for any other host (the recorder's own host too), for characters that would inject header
    lines, and for a user or password in the address.
    """
    shown = ascii(url[:80])
    if len(url) > MAX_URL or _UNPRINTABLE.search(url):
        raise RedirectRefused(f"the camera redirects to an invalid address: {shown}")
    try:
        there, here = urlsplit(url), urlsplit(first)
        host, _ = there.hostname, there.port
    except ValueError as e:
        raise RedirectRefused(f"the camera redirects to an invalid address: {shown}") from e
    if (
        there.scheme != "rtsp"
        or there.username is not None
        or not host
        or _canonical(host) != _canonical(here.hostname or "")
    ):
        raise RedirectRefused(
            f"the camera redirects to another host ({shown}), which is not allowed; "
            "enter the stream's address in the inventory"
        )
    return url


def _canonical(host: str) -> str:
    """Return a host in canonical form; an IPv4 address mapped to IPv6 becomes IPv4."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower().rstrip(".")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


async def connect(url: str) -> socket.socket:
    """Connect to the host and port of an RTSP address; return a non-blocking socket.

    Raises CameraUnreachable, and ProtocolError where the address is invalid.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 554
    except ValueError as e:
        raise ProtocolError(f"'{url}' is not an RTSP address") from e
    if parts.scheme != "rtsp" or not host:
        raise ProtocolError(f"the native engine supports rtsp:// only, not {parts.scheme}://")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            family, _, _, _, address = infos[0]
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            request_buffer(sock, FIRST_BUFFER)
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
