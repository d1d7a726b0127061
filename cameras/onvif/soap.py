"""A thin, tolerant SOAP 1.2 client for ONVIF on one shared aiohttp session.

Cameras answer with wrong namespaces, children in any order, GBK, bare '&', HTML pages. Elements are
therefore read by local name; bodies are capped, no entity is expanded, one request at a time goes
to a camera, every call has a deadline. Authentication: HTTP Digest where the camera offers it, else
WS-UsernameToken with a skew-corrected time; the mode that worked is remembered. One refusal raises
CameraRefused and this client sends the credential no more.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
from collections.abc import Iterator
from datetime import timedelta
from xml.sax.saxutils import escape

import aiohttp
from lxml import etree

from core.clock import Clock
from core.errors import CameraRefused, CameraUnreachable, ProtocolError

MAX_BODY = 1_000_000
TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
_BARE_AMPERSAND = re.compile(rb"&(?!(?:[a-zA-Z]+|#\d+|#x[0-9a-fA-F]+);)")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity"
_DIGEST_TYPE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_REFUSALS = ("NotAuthorized", "NotAuthorised", "FailedAuthentication", "InvalidSecurity", "OperationProhibited")


class Node:
    """A read-only view of an element that finds children by local name, whatever their namespace."""

    __slots__ = ("_element",)

    def __init__(self, element: etree._Element):
        self._element = element

    @property
    def name(self) -> str:
        return local_name(self._element)

    def all(self, path: str) -> Iterator[Node]:
        """Every descendant on a path like 'Profiles/VideoEncoderConfiguration'."""
        head, _, rest = path.partition("/")
        for child in self._element:
            if local_name(child) == head:
                if rest:
                    yield from Node(child).all(rest)
                else:
                    yield Node(child)

    def get(self, path: str) -> Node | None:
        return next(self.all(path), None)

    def text(self, path: str = "") -> str | None:
        node = self.get(path) if path else self
        if node is None or node._element.text is None:
            return None
        return node._element.text.strip() or None

    def number(self, path: str) -> float | None:
        try:
            return float(self.text(path) or "")
        except ValueError:
            return None

    def attribute(self, name: str) -> str | None:
        for key, value in self._element.attrib.items():
            if str(key).rpartition("}")[2] == name:
                return str(value)
        return None


def local_name(element: etree._Element) -> str:
    # Undeclared prefixes survive recovery as part of the name: split at ':' too.
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2] if isinstance(tag, str) else ""


def parse(body: bytes) -> Node:
    """Envelope bytes to its Body's first child. Raises ProtocolError for anything that is not SOAP."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("gb18030", errors="replace")
    text = _DECLARATION.sub("", text).strip()
    clean = _BARE_AMPERSAND.sub(b"&amp;", text.encode())
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True)
    try:
        root = etree.fromstring(clean, parser)
    except etree.XMLSyntaxError as e:
        raise ProtocolError(f"the answer is not XML: {text[:60]!r}") from e
    if root is None or local_name(root) != "Envelope":
        raise ProtocolError(f"the answer is not a SOAP envelope: {text[:60]!r}")
    content = next((c for b in root if local_name(b) == "Body" for c in b if isinstance(c.tag, str)), None)
    if content is None:
        raise ProtocolError("the SOAP body is empty")
    return Node(content)


def envelope(body: str, header: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
        f"<s:Header>{header}</s:Header>"
        '<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"{body}</s:Body></s:Envelope>"
    ).encode()


def password_digest(nonce: bytes, created: str, password: str) -> str:
    """WS-Security UsernameToken profile 1.0: Base64(SHA-1(nonce + created + password))."""
    return base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()


class SoapClient:
    """Talks to one camera."""

    def __init__(self, http: aiohttp.ClientSession, clock: Clock, login: tuple[str, str] | None = None):
        self._http = http
        self._clock = clock
        self._login = login
        self._digest = aiohttp.DigestAuthMiddleware(login[0], login[1]) if login else None
        self._mode: str | None = None  # None: not known yet; then 'none', 'digest' or 'wsse'
        self._one_at_a_time = asyncio.Lock()
        self.clock_offset = 0.0  # camera clock minus ours, seconds; set by the caller
        self.refused = False

    async def call(self, url: str, body: str, *, authenticate: bool = True) -> Node:
        """Send a request, return the reply element inside the Body.

        Raises CameraUnreachable, CameraRefused or ProtocolError.
        """
        async with self._one_at_a_time:
            if not authenticate:
                return self._checked(*await self._post(url, body, "none"))
            if self._mode is None:
                return await self._negotiate(url, body)
            return self._checked(*await self._post(url, body, self._mode))

    async def _negotiate(self, url: str, body: str) -> Node:
        status, content, offered = await self._post(url, body, "none")
        if status == 401 and "digest" in offered.lower():
            wanted = "digest"
        elif _is_refusal(status, content):
            wanted = "wsse"
        else:
            self._mode = "none"
            return self._checked(status, content, offered)
        if self._login is None:
            raise CameraRefused("the camera wants a user and password, and none is given for it")
        reply = self._checked(*await self._post(url, body, wanted))
        self._mode = wanted
        return reply

    def _checked(self, status: int, content: bytes, _offered: str) -> Node:
        if _is_refusal(status, content):
            self.refused = self._login is not None
            raise CameraRefused("the camera refused the credential")
        node = parse(content)
        if node.name == "Fault":
            reason = node.text("Reason/Text") or node.text("faultstring") or "no reason given"
            raise ProtocolError(f"the camera answered with a fault: {reason[:120]}")
        return node

    async def _post(self, url: str, body: str, mode: str) -> tuple[int, bytes, str]:
        if self.refused and mode != "none":
            raise CameraRefused("the camera refused this credential before; set the right one first")
        header = self._token() if mode == "wsse" else ""
        middlewares = (self._digest,) if mode == "digest" and self._digest else ()
        try:
            async with self._http.post(
                url,
                data=envelope(body, header),
                headers={"Content-Type": "application/soap+xml; charset=utf-8"},
                timeout=TIMEOUT,
                middlewares=middlewares,
                allow_redirects=False,
            ) as reply:
                content = await _read_capped(reply)
                return reply.status, content, reply.headers.get("WWW-Authenticate", "")
        except (aiohttp.ClientError, TimeoutError, ValueError) as e:
            raise CameraUnreachable(f"no ONVIF answer: {type(e).__name__}") from e

    def _token(self) -> str:
        assert self._login is not None
        user, password = self._login
        nonce = secrets.token_bytes(16)
        created = (self._clock.now() + timedelta(seconds=self.clock_offset)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return (
            f'<Security s:mustUnderstand="1" xmlns="{_WSSE}-secext-1.0.xsd"><UsernameToken>'
            f"<Username>{escape(user)}</Username>"
            f'<Password Type="{_DIGEST_TYPE}">{password_digest(nonce, created, password)}</Password>'
            f"<Nonce>{base64.b64encode(nonce).decode()}</Nonce>"
            f'<Created xmlns="{_WSSE}-utility-1.0.xsd">{created}</Created></UsernameToken></Security>'
        )


async def _read_capped(reply: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in reply.content.iter_chunked(65536):
        content += chunk
        if len(content) > MAX_BODY:
            raise ProtocolError("the answer is larger than 1 MB")
    return bytes(content)


def _is_refusal(status: int, content: bytes) -> bool:
    """Refusals come with 401, 400, 500 or even 200: the fault's subcode decides, not the status."""
    if status in (401, 403):
        return True
    if b"Fault" not in content:
        return False
    return any(code.encode() in content for code in _REFUSALS)
