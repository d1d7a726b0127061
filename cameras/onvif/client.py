"""SOAP requests to one camera over a shared aiohttp session.

A client sends one request at a time; its `companion` can hold a long event pull beside it. Bodies are limited in size,
every call has a deadline, redirects are not followed. Authentication is HTTP Digest where the camera offers it, else
WS-UsernameToken with a timestamp corrected for the camera's clock; the mode that worked is remembered. The first
refusal raises CameraRefused, and the client does not send the credential again.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http
import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from cameras.onvif import http_body, lenient_http, soap
from cameras.onvif.addresses import with_port_of
from cameras.onvif.connector import BudgetedConnector, ConnectLimitReached, time_limit
from cameras.onvif.namespaces import DEVICE
from cameras.onvif.soap import Node, NotPermitted, SoapFault, envelope, fault_of, is_refusal, parse, password_digest
from core.clock import Clock
from core.errors import CameraRefused, CameraUnreachable, ProtocolError
from core.network.authenticator import Authenticator
from core.network.connect_limiter import ConnectLimiter
from core.network.error_text import reason

MAX_BODY_BYTES = 1_000_000
CONNECT_TIMEOUT_S = 5.0
CALL_TIMEOUT_S = 15.0
_CONNECTING = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)  # `time_limit` enforces the total time
SHORT_PULLS_AFTER_REQUEST_S = 30.0  # pulls stay short after another request; as long as a dome's lease (cameras.ptz)
SHORT_PULL_S = 2.0
LONGEST_PULL_S = 25.0
SERIAL_RETEST_S = 3600.0
CREDENTIAL_PROOF_S = 60.0  # how long a credential counts as valid after the camera accepted it
_REPEATABLE = ("PullMessages", "Renew", "Unsubscribe")
_PROBE = "GetDeviceInformation"  # every account may call it
MODES = ("none", "digest", "wsse")
_OPERATION = re.compile(r'<([\w.-]+)[^>]*?\sxmlns="([^"]+)"')
_WSA_ACTION = re.compile(r"<Action xmlns=[^>]*>([^<]*)</Action>")
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_SECEXT = f"{_WSSE}-wssecurity-secext-1.0.xsd"
_UTILITY = f"{_WSSE}-wssecurity-utility-1.0.xsd"
_DIGEST_TYPE = f"{_WSSE}-username-token-profile-1.0#PasswordDigest"

# Called with url, request, status and reply of every exchange (cameras.onvif.capture).
Listener = Callable[[str, bytes, int, bytes], None]


def http_session(budget: ConnectLimiter | None = None) -> aiohttp.ClientSession:
    """Create the HTTP session for all cameras: it keeps no cookies and ignores proxies.

    Each new connection takes a slot of `budget`.
    """
    return aiohttp.ClientSession(
        connector=BudgetedConnector(budget),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept"),
        auto_decompress=False,  # a small compressed body could expand to a gigabyte
    )


class _ConnectionFailed(CameraUnreachable):
    """The TCP connection to that port failed."""


class ServiceNotFound(ProtocolError):
    """The web server answers but has no ONVIF service at that path."""


class _Malformed(ProtocolError):
    """The answer violates HTTP: wrong length, bytes after the end, or an early end."""


class _SharedState:
    """State that a client and its companion share about their camera. Times are monotonic seconds."""

    __slots__ = ("is_suspect", "last_request_at", "pull_lock", "pull_transitions", "refused", "serial_until")

    def __init__(self) -> None:
        self.pull_lock = asyncio.Lock()  # held during a pull
        self.refused = False
        self.last_request_at = float("-inf")  # when the last request other than a pull was sent
        self.pull_transitions = 0  # incremented when a pull starts and when it ends: odd while a pull is pending
        self.is_suspect = False  # a request failed during a pull; if that pull is answered, the camera is serial
        # monotonic time until which the camera counts as serial (it answers nothing during a pull)
        self.serial_until = float("-inf")


class SoapClient:
    """Client for one camera. `mode` is the remembered authentication mode, None if it is not known yet."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        clock: Clock,
        login: tuple[str, str] | None = None,
        *,
        mode: str | None = None,
        listener: Listener | None = None,
    ):
        self._http = http
        self._clock = clock
        self._login = login
        self._auth = Authenticator(login, basic=False)
        self._listener = listener
        self._urls: dict[str, URL] = {}
        self._dead_authorities: set[str] = (
            set()
        )  # host:port values that refuse connections while the device service answers
        self._request_lock = asyncio.Lock()
        self._header = ""
        self._path = ""  # of the last request
        self._lenient = False  # the web server violates HTTP framing: use lenient_http
        self._accepted_at: float | None = None  # when the camera last accepted the credential (monotonic)
        self._shared = _SharedState()
        self._is_companion = False
        self._slot_wait = 0.0  # seconds that the current call has waited for connection slots
        self.probe_url = ""  # URL of the device service, used to check the credential; set by the caller
        self.mode = mode if mode in MODES else None
        self.clock_offset = 0.0  # camera clock minus ours, seconds; set by the caller

    @property
    def login(self) -> tuple[str, str] | None:
        return self._login

    def companion(self) -> SoapClient:
        """Return a second client for the same camera, for requests that wait long (event pulls).

        The two clients do not block each other, and no other request interrupts a pull: a camera sends the next event
        to the connection that has gone. A credential refusal applies to both.
        """
        made = SoapClient(self._http, self._clock, self._login, mode=self.mode, listener=self._listener)
        made.probe_url, made.clock_offset, made._lenient, made._shared = (
            self.probe_url, self.clock_offset, self._lenient, self._shared,
        )  # fmt: skip
        made._is_companion = True
        return made

    @property
    def refused(self) -> bool:
        """Whether the camera refused the credential; it is then not sent again."""
        return self._shared.refused

    @refused.setter
    def refused(self, value: bool) -> None:
        self._shared.refused = value

    def pull_seconds(self, usual: float) -> float:
        """Return how long a pull may wait: short while somebody operates the camera, or if the camera is serial."""
        now, shared = self._clock.monotonic(), self._shared
        short = now - shared.last_request_at < SHORT_PULLS_AFTER_REQUEST_S or now < shared.serial_until
        return min(usual, SHORT_PULL_S) if short else usual

    async def call(
        self, url: str, body: str, *, authenticate: bool = True, seconds: float = CALL_TIMEOUT_S, header: str = ""
    ) -> Node:
        """Send a request and return the reply element inside the Body. `header` is added to the SOAP header.

        Raises CameraUnreachable, CameraRefused (credential refused), NotPermitted (operation not allowed), SoapFault or
        ProtocolError.
        """
        async with self._request_lock:
            if self._is_companion:
                return await self._call(url, body, authenticate, seconds, header)
            return await self._call_during_pulls(url, body, authenticate, seconds, header)

    async def _call_during_pulls(self, url: str, body: str, authenticate: bool, seconds: float, header: str) -> Node:
        shared = self._shared
        shared.last_request_at = self._clock.monotonic()
        if shared.last_request_at < shared.serial_until:
            return await self._call_between_pulls(url, body, authenticate, seconds, header)
        began, pulls = shared.last_request_at, shared.pull_transitions
        self._slot_wait = 0.0
        try:
            answer = await self._call(url, body, authenticate, seconds, header)
        except CameraUnreachable as e:
            if pulls % 2 == 0 or shared.pull_transitions != pulls or isinstance(e, ConnectLimitReached):
                raise
            shared.is_suspect = True
            if not body.startswith("<Get"):
                raise
            return await self._call_between_pulls(url, body, authenticate, seconds, header)
        took = self._clock.monotonic() - began - self._slot_wait
        if pulls % 2 and shared.pull_transitions != pulls and took > SHORT_PULL_S:
            self._mark_serial()  # slow, and finished only after the pull had finished
        return answer

    def _mark_serial(self) -> None:
        self._shared.serial_until = self._clock.monotonic() + SERIAL_RETEST_S

    async def _call_between_pulls(self, url: str, body: str, authenticate: bool, seconds: float, header: str) -> Node:
        """Send a request to a serial camera between two pulls.

        A read (Get…) waits for the longest pull, a command for two short pulls only: a late command is worse than none.
        Raises CameraUnreachable when that wait expires.
        """
        wait = LONGEST_PULL_S if body.startswith("<Get") else 2 * SHORT_PULL_S
        try:
            async with asyncio.timeout(wait):
                await self._shared.pull_lock.acquire()
        except TimeoutError:
            raise CameraUnreachable(
                "the camera is busy with an event request and handles one request at a time; try again"
            ) from None
        try:
            return await self._call(url, body, authenticate, seconds, header)
        finally:
            self._shared.pull_lock.release()

    async def wait_for_events(self, url: str, body: str, *, seconds: float, header: str) -> Node:
        """Like `call`, on a companion, for a request that the camera answers when an event occurs."""
        shared = self._shared
        async with shared.pull_lock, self._request_lock:
            shared.pull_transitions += 1
            try:
                answer = await self._call(url, body, True, seconds, header)
                if shared.is_suspect:
                    self._mark_serial()
                return answer
            finally:
                shared.pull_transitions += 1
                shared.is_suspect = False

    async def _call(self, url: str, body: str, authenticate: bool, seconds: float, header: str) -> Node:
        self._header = header
        if not authenticate:
            return self._read(*await self._post(url, body, "none", seconds), sent=False)
        # Some operations need no login: success without one says nothing about the next operation.
        if self.mode is None or (self.mode == "none" and self._login is not None):
            return await self._negotiate(url, body, seconds)
        stale = self._accepted_at is not None and self._clock.monotonic() - self._accepted_at > CREDENTIAL_PROOF_S
        if stale and self.probe_url:
            await self._check_credential(body)
        answer = await self._authenticated(url, body, self.mode, seconds)
        if self._accepted_at is not None and answer[0] != 401 and is_refusal(answer[0], answer[1]):
            await self._check_credential(body)
        return self._read(*answer, sent=self.mode != "none")

    async def _check_credential(self, body: str) -> None:
        """Check that the camera still accepts the credential; raise CameraRefused if not.

        A valid account may lack the permission for an operation, so only a refusal of GetDeviceInformation, which every
        account may call, counts. Called before a request if the last proof is older than CREDENTIAL_PROOF_S, and
        after a refusal.
        """
        if self.mode == "none" or _PROBE in body:
            return
        if not self.probe_url:
            self.refused = True
            raise CameraRefused("the camera refused the credential")
        header, self._header = self._header, ""
        probe = f'<{_PROBE} xmlns="{DEVICE}"/>'
        answer = await self._authenticated(self.probe_url, probe, self.mode or "wsse", CALL_TIMEOUT_S)
        self._header = header
        if is_refusal(answer[0], answer[1]):
            self.refused = True
            raise CameraRefused("the camera no longer accepts the credential")
        self._read(*answer, sent=True)

    async def _negotiate(self, url: str, body: str, seconds: float) -> Node:
        status, content, offered = await self._post(url, body, "none", seconds)
        if status == 401 and any(o.lower().startswith("digest") for o in offered):
            wanted = "digest"
            self._auth.challenge(offered)
        elif is_refusal(status, content):
            wanted = "wsse"
        else:
            self.mode = "none"
            return self._read(status, content, offered, sent=False)
        if self._login is None:
            raise CameraRefused("the camera requires a user and password; assign a credential to it")
        reply = self._read(*await self._authenticated(url, body, wanted, seconds), sent=True)
        self.mode = wanted
        return reply

    async def _authenticated(self, url: str, body: str, mode: str, seconds: float) -> tuple[int, bytes, list[str]]:
        status, content, offered = await self._post(url, body, mode, seconds)
        # A 401 for an expired nonce, or for the first request in a remembered mode, is not a refusal.
        if status == 401 and mode == "digest" and self._auth.challenge(offered):
            return await self._post(url, body, mode, seconds)
        return status, content, offered

    def _read(self, status: int, content: bytes, _offered: list[str], *, sent: bool) -> Node:
        if is_refusal(status, content) and not (sent and self._accepted_at is not None and status != 401):
            self.refused = sent
            raise CameraRefused(
                "the camera refused the credential" if sent else "the camera requires a user and password"
            )
        node = self._parsed(status, content)
        if node.name == "Fault":
            why, codes = fault_of(node)
            denied = is_refusal(status, content) or "OperationProhibited" in codes
            raise (NotPermitted if denied else SoapFault)(f"the camera answered with a fault: {why}", codes)
        if sent:
            self._accepted_at = self._clock.monotonic()
            self._auth.accepted()
        return node

    def _parsed(self, status: int, content: bytes) -> Node:
        """Return the Body's first child. Raises an error with the HTTP status if the web server sent a page instead."""
        try:
            return parse(content)
        except ProtocolError as e:
            if status < 300 or soap.has_begun(content):
                raise
            phrase = next((f" {s.phrase}" for s in http.HTTPStatus if s == status), "")
            told = f"the camera answers HTTP {status}{phrase} at {self._path[:80]}"
            if status in (404, 405, 410):
                raise ServiceNotFound(
                    f"{told}: no ONVIF service at this path; add the service's path to the camera's address"
                ) from e
            raise ProtocolError(f"{told} instead of a SOAP envelope") from e

    def reachable(self, url: str) -> str:
        """Return the address that works for a reported one: some makes report ports on which nobody listens."""
        if not self._dead_authorities or self._url(url).authority not in self._dead_authorities:
            return url
        return with_port_of(url, self.probe_url)

    async def _post(self, url: str, body: str, mode: str, seconds: float) -> tuple[int, bytes, list[str]]:
        if self.refused and mode != "none":
            raise CameraRefused("the camera refused this credential earlier; set the correct password first")
        url = self.reachable(url)
        try:
            return await self._post_there(url, body, mode, seconds)
        except _ConnectionFailed:
            other = with_port_of(url, self.probe_url) if self.probe_url else url
            if other == url:
                raise
            answer = await self._post_there(other, body, mode, seconds)
            self._dead_authorities.add(self._url(url).authority)
            return answer

    async def _post_there(self, url: str, body: str, mode: str, seconds: float) -> tuple[int, bytes, list[str]]:
        operation = _OPERATION.search(body)
        name, action = (operation.group(1), f"{operation.group(2)}/{operation.group(1)}") if operation else ("", "")
        if addressed := _WSA_ACTION.search(self._header):
            action = addressed.group(1)  # HTTP action equals wsa:Action (WS-Addressing 1.0 SOAP Binding, 4.2)
        # The camera may have closed a keep-alive connection silently: repeat requests that change nothing once.
        for last in (False, True) if name.startswith("Get") or name in _REPEATABLE else (True,):
            try:
                return await self._post_once(url, body, action, mode, seconds)
            except aiohttp.ClientConnectorError as e:
                raise _ConnectionFailed(f"no ONVIF answer: {reason(e)}") from e
            except _Malformed:  # the next attempt uses the lenient reader
                if last:
                    raise
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as e:
                if last:
                    raise CameraUnreachable(f"no ONVIF answer: {reason(e)}") from e
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as e:
                raise CameraUnreachable(f"no ONVIF answer: {reason(e)}") from e
        raise AssertionError("unreachable")

    async def _post_once(
        self, url: str, body: str, action: str, mode: str, seconds: float
    ) -> tuple[int, bytes, list[str]]:
        request = envelope(body, self._header + (self._token() if mode == "wsse" else ""))
        headers = {
            "Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"',
            "Accept-Encoding": "identity",
        }
        self._path = self._url(url).raw_path_qs
        if mode == "digest" and self._auth.ready:
            headers["Authorization"] = self._auth.header("POST", self._path)
        asked = self._post_lenient if self._lenient else self._post_strict
        status, content, offered = await asked(url, request, headers, seconds)
        if self._listener is not None:
            self._listener(url, request, status, content)
        return status, content, offered

    async def _post_strict(
        self, url: str, request: bytes, headers: dict[str, str], seconds: float
    ) -> tuple[int, bytes, list[str]]:
        try:
            async with (
                time_limit(seconds) as limit,
                self._http.post(
                    self._url(url), data=request, headers=headers, timeout=_CONNECTING, allow_redirects=False
                ) as reply,
            ):
                content = await http_body.read(reply, MAX_BODY_BYTES)
                status, offered = reply.status, reply.headers.getall("WWW-Authenticate", [])
                self._slot_wait += limit.waited
        except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError) as e:
            self._lenient = True
            raise _Malformed("the camera's HTTP response is malformed (wrong length or extra bytes); try again") from e
        if soap.has_begun(content) and not soap.is_complete(content):
            self._lenient = True  # Content-Length is too short
            raise _Malformed("the camera's response is truncated; try again")
        return status, content, offered

    async def _post_lenient(
        self, url: str, request: bytes, headers: dict[str, str], seconds: float
    ) -> tuple[int, bytes, list[str]]:
        connector = self._http.connector
        place = connector.slot(url) if isinstance(connector, BudgetedConnector) else contextlib.nullcontext()
        return await lenient_http.post(
            self._url(url), request, headers, seconds, CONNECT_TIMEOUT_S, MAX_BODY_BYTES, place
        )

    def _url(self, url: str) -> URL:
        """Parse a URL, cached: a client uses only the few addresses of its camera."""
        known = self._urls.get(url)
        if known is None:
            if len(self._urls) > 32:
                self._urls.clear()
            known = self._urls[url] = URL(url, encoded=True)
        return known

    def _token(self) -> str:
        if self._login is None:
            raise CameraRefused("the camera requires a user and password; assign a credential to it")
        user, password = self._login
        nonce = secrets.token_bytes(16)
        created = (self._clock.now() + timedelta(seconds=self.clock_offset)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return (
            f'<Security s:mustUnderstand="1" xmlns="{_SECEXT}"><UsernameToken>'
            f"<Username>{escape(user)}</Username>"
            f'<Password Type="{_DIGEST_TYPE}">{password_digest(nonce, created, password)}</Password>'
            f"<Nonce>{base64.b64encode(nonce).decode()}</Nonce>"
            f'<Created xmlns="{_UTILITY}">{created}</Created></UsernameToken></Security>'
        )
