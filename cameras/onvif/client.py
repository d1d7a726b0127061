"""SOAP requests to one camera over a shared aiohttp session.

A client sends one request at a time; its `companion` can hold a long event pull beside it. Bodies are limited in size,
every call has a deadline, redirects are not followed. Authentication is HTTP Digest where the camera offers it, else
WS-UsernameToken with a timestamp corrected for the camera's clock; the mode that worked is remembered. The first
refusal raises CameraRefused, and the client does not send the credential again.
"""

from __future__ import annotations

import asyncio
import base64
import http
import re
import secrets
from datetime import timedelta
from xml.sax.saxutils import escape

import aiohttp

from cameras.onvif import soap
from cameras.onvif.connector import BudgetedConnector
from cameras.onvif.namespaces import DEVICE
from cameras.onvif.pull_coordination import PullCoordination
from cameras.onvif.soap import Node, NotPermitted, SoapFault, envelope, fault_of, is_refusal, parse, password_digest
from cameras.onvif.soap_transport import HttpReply, Listener, SoapTransport
from cameras.states import AuthMode
from core.clock import Clock
from core.error_codes import ErrorCode
from core.errors import CameraRefused, ProtocolError
from core.network.authenticator import Authenticator
from core.network.connect_limiter import ConnectLimiter

CALL_TIMEOUT_S = 15.0
CREDENTIAL_PROOF_S = 60.0  # how long a credential counts as valid after the camera accepted it
_REPEATABLE = ("PullMessages", "Renew", "Unsubscribe")
_PROBE = "GetDeviceInformation"  # every account may call it
REFUSED = "the camera refused the credential"
NO_LOGIN = "the camera requires a user and password; assign a credential to it"
_OPERATION = re.compile(r'<([\w.-]+)[^>]*?\sxmlns="([^"]+)"')
_WSA_ACTION = re.compile(r"<Action xmlns=[^>]*>([^<]*)</Action>")
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_SECEXT = f"{_WSSE}-wssecurity-secext-1.0.xsd"
_UTILITY = f"{_WSSE}-wssecurity-utility-1.0.xsd"
_DIGEST_TYPE = f"{_WSSE}-username-token-profile-1.0#PasswordDigest"


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


class ServiceNotFound(ProtocolError):
    """The web server answers but has no ONVIF service at that path."""

    code = ErrorCode.CAMERA_SERVICE_NOT_FOUND


class SoapClient:
    """Client for one camera. `mode` is the remembered authentication mode, None if it is not known yet."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        clock: Clock,
        login: tuple[str, str] | None = None,
        *,
        mode: AuthMode | None = None,
        listener: Listener | None = None,
    ):
        self._http = http
        self._clock = clock
        self._login = login
        self._auth = Authenticator(login, basic=False)
        self._listener = listener
        self._transport = SoapTransport(http, listener)
        self._request_lock = asyncio.Lock()
        self._header = ""
        self._accepted_at: float | None = None  # when the camera last accepted the credential (monotonic)
        self._pulls = PullCoordination(clock)
        self._is_companion = False
        self.mode = mode if mode in tuple(AuthMode) else None  # another release may have stored another text
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
        made.probe_url, made.clock_offset, made._pulls = self.probe_url, self.clock_offset, self._pulls
        made._transport.is_lenient = self._transport.is_lenient
        made._is_companion = True
        return made

    @property
    def probe_url(self) -> str:
        """URL of the device service, used to check the credential; set by the caller."""
        return self._transport.device_url

    @probe_url.setter
    def probe_url(self, url: str) -> None:
        self._transport.device_url = url

    @property
    def refused(self) -> bool:
        """Whether the camera refused the credential; it is then not sent again."""
        return self._pulls.refused

    @refused.setter
    def refused(self, value: bool) -> None:
        self._pulls.refused = value

    def pull_seconds(self, usual: float) -> float:
        """Return how long a pull may wait: short while somebody operates the camera, or if the camera is serial."""
        return self._pulls.pull_seconds(usual)

    async def call(
        self, url: str, body: str, *, authenticate: bool = True, seconds: float = CALL_TIMEOUT_S, header: str = ""
    ) -> Node:
        """Send a request and return the reply element inside the Body. `header` is added to the SOAP header.

        Raises CameraUnreachable, CameraRefused (credential refused), NotPermitted (operation not allowed), SoapFault or
        ProtocolError.
        """

        async def send() -> Node:
            return await self._call(url, body, authenticate, seconds, header)

        async with self._request_lock:
            if self._is_companion:
                return await send()
            self._transport.slot_wait = 0.0
            is_read = body.startswith("<Get")
            return await self._pulls.call(send, lambda: self._transport.slot_wait, is_read=is_read)

    async def wait_for_events(self, url: str, body: str, *, seconds: float, header: str) -> Node:
        """Like `call`, on a companion, for a request that the camera answers when an event occurs."""
        async with self._pulls.lock, self._request_lock:
            return await self._pulls.pull(lambda: self._call(url, body, True, seconds, header))

    async def _call(self, url: str, body: str, authenticate: bool, seconds: float, header: str) -> Node:
        self._header = header
        if not authenticate:
            return self._read(await self._post(url, body, AuthMode.NONE, seconds), sent=False)
        # Some operations need no login: success without one says nothing about the next operation.
        if self.mode is None or (self.mode is AuthMode.NONE and self._login is not None):
            return await self._negotiate(url, body, seconds)
        stale = self._accepted_at is not None and self._clock.monotonic() - self._accepted_at > CREDENTIAL_PROOF_S
        if stale and self.probe_url:
            await self._check_credential(body)
        answer = await self._authenticated(url, body, self.mode, seconds)
        if self._accepted_at is not None and answer.status != 401 and is_refusal(answer.status, answer.content):
            await self._check_credential(body)
        return self._read(answer, sent=self.mode is not AuthMode.NONE)

    async def _check_credential(self, body: str) -> None:
        """Check that the camera still accepts the credential; raise CameraRefused if not.

        A valid account may lack the permission for an operation, so only a refusal of GetDeviceInformation, which every
        account may call, counts. Called before a request if the last proof is older than CREDENTIAL_PROOF_S, and
        after a refusal.
        """
        if self.mode is AuthMode.NONE or _PROBE in body:
            return
        if not self.probe_url:
            self.refused = True
            raise CameraRefused(REFUSED)
        header, self._header = self._header, ""
        probe = f'<{_PROBE} xmlns="{DEVICE}"/>'
        answer = await self._authenticated(self.probe_url, probe, self.mode or AuthMode.WSSE, CALL_TIMEOUT_S)
        self._header = header
        if is_refusal(answer.status, answer.content):
            self.refused = True
            raise CameraRefused("the camera no longer accepts the credential")
        self._read(answer, sent=True)

    async def _negotiate(self, url: str, body: str, seconds: float) -> Node:
        answer = await self._post(url, body, AuthMode.NONE, seconds)
        if answer.status == 401 and any(c.lower().startswith("digest") for c in answer.challenges):
            wanted = AuthMode.DIGEST
            self._auth.challenge(answer.challenges)
        elif is_refusal(answer.status, answer.content):
            wanted = AuthMode.WSSE
        else:
            self.mode = AuthMode.NONE
            return self._read(answer, sent=False)
        if self._login is None:
            raise CameraRefused(NO_LOGIN, ErrorCode.CAMERA_NEEDS_CREDENTIAL)
        node = self._read(await self._authenticated(url, body, wanted, seconds), sent=True)
        self.mode = wanted
        return node

    async def _authenticated(self, url: str, body: str, mode: AuthMode, seconds: float) -> HttpReply:
        reply = await self._post(url, body, mode, seconds)
        # A 401 for an expired nonce, or for the first request in a remembered mode, is not a refusal.
        if reply.status == 401 and mode is AuthMode.DIGEST and self._auth.challenge(reply.challenges):
            return await self._post(url, body, mode, seconds)
        return reply

    def _read(self, reply: HttpReply, *, sent: bool) -> Node:
        status, content = reply.status, reply.content
        if is_refusal(status, content) and not (sent and self._accepted_at is not None and status != 401):
            self.refused = sent
            raise CameraRefused(REFUSED if sent else "the camera requires a user and password")
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
            told = f"the camera answers HTTP {status}{phrase} at {self._transport.path[:80]}"
            if status in (404, 405, 410):
                raise ServiceNotFound(
                    f"{told}: no ONVIF service at this path; add the service's path to the camera's address"
                ) from e
            raise ProtocolError(f"{told} instead of a SOAP envelope") from e

    def reachable(self, url: str) -> str:
        """Return the address that works for a reported one: some makes report ports on which nobody listens."""
        return self._transport.reachable(url)

    async def _post(self, url: str, body: str, mode: AuthMode, seconds: float) -> HttpReply:
        if self.refused and mode is not AuthMode.NONE:
            raise CameraRefused("the camera refused this credential earlier; set the correct password first")
        found = _OPERATION.search(body)
        namespace, operation = (found.group(2), found.group(1)) if found else ("", "")
        action = f"{namespace}/{operation}" if found else ""
        if addressed := _WSA_ACTION.search(self._header):
            action = addressed.group(1)  # HTTP action equals wsa:Action (WS-Addressing 1.0 SOAP Binding, 4.2)
        repeatable = operation.startswith("Get") or operation in _REPEATABLE
        return await self._transport.post(
            url, lambda path: self._request(path, body, action, mode), seconds, repeatable=repeatable
        )

    def _request(self, path: str, body: str, action: str, mode: AuthMode) -> tuple[bytes, dict[str, str]]:
        """Return the envelope and the HTTP headers, with a new token or digest."""
        headers = {
            "Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"',
            "Accept-Encoding": "identity",
        }
        if mode is AuthMode.DIGEST and self._auth.ready:
            headers["Authorization"] = self._auth.header("POST", path)
        return envelope(body, self._header + (self._token() if mode is AuthMode.WSSE else "")), headers

    def _token(self) -> str:
        if self._login is None:
            raise CameraRefused(NO_LOGIN, ErrorCode.CAMERA_NEEDS_CREDENTIAL)
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
