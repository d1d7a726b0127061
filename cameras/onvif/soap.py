"""Parse and write SOAP envelopes as real cameras send them. Pure functions without I/O.

Cameras send wrong namespaces, children in any order, GBK, a BOM, SOAP 1.1, undeclared prefixes, bare '&', HTML pages
and multipart bodies. Elements are therefore found by local name, and no entity is expanded.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress

from lxml import etree

from core.error_codes import ErrorCode
from core.errors import ProtocolError

_BARE_AMPERSAND = re.compile(rb"&(?!(?:[a-zA-Z]+|#\d+|#x[0-9a-fA-F]+);)")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_BEGIN = re.compile(rb"<(?:[\w.-]+:)?Envelope\b")
_END = re.compile(rb"</(?:[\w.-]+:)?Envelope\s*>")
_CLOSING = re.compile(rb"</(?:[\w.-]+:)?\Z")
MAX_ELEMENTS = 30_000  # limit of tags (opening and closing) and of entities; parsing this many takes milliseconds
_REFUSALS = ("NotAuthorized", "NotAuthorised", "FailedAuthentication", "InvalidSecurity", "SenderNotAuthorized")


class Node:
    """Read-only view of an element that finds children by local name in any namespace."""

    __slots__ = ("_element",)

    def __init__(self, element: etree._Element):
        self._element = element

    @property
    def name(self) -> str:
        return local_name(self._element)

    def all(self, path: str) -> Iterator[Node]:
        """Yield every descendant on a path like 'Profiles/VideoEncoderConfiguration'."""
        head, _, rest = path.partition("/")
        for child in self._element.iterchildren("{*}" + head):
            if rest:
                yield from Node(child).all(rest)
            else:
                yield Node(child)

    def get(self, path: str) -> Node | None:
        """Return the first descendant on a path, or None."""
        found = _first(self._element, path.split("/"))
        return Node(found) if found is not None else None

    def text(self, path: str = "") -> str | None:
        """Return the stripped text of the first descendant on a path; None if it is empty.

        An empty path means this element.
        """
        element = _first(self._element, path.split("/")) if path else self._element
        if element is None or element.text is None:
            return None
        return element.text.strip() or None

    def display_text(self, path: str, limit: int = 80) -> str:
        """Return a text for display: without control and bidirectional characters, at most `limit` characters."""
        return display_text(self.text(path) or "", limit)

    def number(self, path: str) -> float | None:
        """Return a finite number, or None."""
        try:
            told = float(self.text(path) or "")
        except ValueError:
            return None
        return told if math.isfinite(told) else None

    def attribute(self, name: str) -> str | None:
        """Return an attribute by local name, or None."""
        for key, value in self._element.attrib.items():
            if str(key).rpartition("}")[2] == name:
                return str(value)
        return None


def display_text(text: str, limit: int = 80) -> str:
    """Return a text for display: without control and bidirectional characters, at most `limit` characters."""
    if text.isascii() and text.isprintable():
        return text[:limit].strip()
    return "".join(c for c in text[: limit * 4] if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))[
        :limit
    ].strip()


def local_name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _first(element: etree._Element, path: list[str]) -> etree._Element | None:
    """Return the first descendant on a path; if a branch lacks the rest of the path, try the next one."""
    for child in element.iterchildren("{*}" + path[0]):
        found = _first(child, path[1:]) if len(path) > 1 else child
        if found is not None:
            return found
    return None


def _without_undeclared_prefixes(root: etree._Element) -> None:
    """Remove undeclared prefixes, which lxml's recovery mode keeps as part of the name."""
    for element in root.iter(etree.Element):
        name = str(element.tag)
        if ":" in name.rpartition("}")[2]:
            with suppress(ValueError):  # the text after the colon may not be a valid name
                element.tag = name.rpartition(":")[2]


def decoded(body: bytes) -> str:
    """Decode a body: UTF-8 (also if a text was cut within a character), UTF-16 with a BOM, else GB 18030."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("utf-8-sig", "replace")
        broken = text.count("\ufffd")
        good = sum(c > "\x7f" for c in text) - broken
        return text if good > broken else body.decode("gb18030", "replace")


def has_begun(body: bytes | bytearray, since: int = 0) -> bool:
    """Return whether the opening tag of an envelope occurs; the first `since` bytes were searched before."""
    return _BEGIN.search(body, max(0, since - 64)) is not None


def is_complete(body: bytes | bytearray, since: int = 0) -> bool:
    """Return whether the closing tag of an envelope occurs; the first `since` bytes were searched before.

    Never true for UTF-16.
    """
    return _END.search(body, max(0, since - 64)) is not None


def parse(body: bytes) -> Node:
    """Return the first child of an envelope's Body.

    Raises ProtocolError for anything that is not SOAP or is truncated.
    """
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        body = decoded(body).encode()
    # Text around the envelope is an XML declaration or the other parts of a multipart body.
    begin, end = _BEGIN.search(body), body.rfind(b"Envelope")
    if begin is None or end <= begin.end() or not _CLOSING.search(body, begin.end(), end):
        start = _DECLARATION.sub("", decoded(body[:200])).strip()[:60]
        raise ProtocolError(f"the answer {'is not a SOAP envelope' if begin is None else 'is truncated'}: {start!r}")
    clean = body[begin.start() : end] + b"Envelope>"
    if max(clean.count(b"<"), clean.count(b"&")) > MAX_ELEMENTS:
        raise ProtocolError(f"the answer has more than {MAX_ELEMENTS} elements")
    if not clean.isascii():
        clean = decoded(clean).encode()
    if b"&" in clean:
        clean = _BARE_AMPERSAND.sub(b"&amp;", clean)
    try:
        root = etree.fromstring(clean, _PARSER)
    except etree.XMLSyntaxError as e:
        raise ProtocolError("the answer is not XML") from e
    content = None
    if root is not None and len(_PARSER.error_log):
        _without_undeclared_prefixes(root)
    if root is not None and local_name(root) == "Envelope":
        content = next((c for b in root if local_name(b) == "Body" for c in b if isinstance(c.tag, str)), None)
    if content is None:
        raise ProtocolError("the SOAP body is empty")
    return Node(content)


_PARSER = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True)


class SoapFault(ProtocolError):
    """The camera answered with a fault; `codes` are the local names of its code and subcodes, outermost first."""

    code = ErrorCode.CAMERA_FAULT_ANSWER

    def __init__(self, message: str, codes: tuple[str, ...]):
        super().__init__(message)
        self.codes = codes


class NotPermitted(SoapFault):
    """The camera accepts the account but does not allow it this operation."""

    code = ErrorCode.CAMERA_OPERATION_NOT_PERMITTED


def fault_of(node: Node) -> tuple[str, tuple[str, ...]]:
    """Return reason and codes of a Fault element, SOAP 1.2 or 1.1."""
    reason = node.text("Reason/Text") or node.text("faultstring") or "no reason given"
    codes: list[str] = []
    code = node.get("Code")
    while code is not None:
        if value := code.text("Value"):
            codes.append(value.rpartition(":")[2])
        code = code.get("Subcode")
    if value := node.text("faultcode"):
        codes.append(value.rpartition(":")[2])
    return reason[:120], tuple(codes)


def is_refusal(status: int, content: bytes) -> bool:
    """Return whether a reply refuses the credential.

    Refusals come with 401, 403, 400, 500 or even 200; for the last three the fault's subcode decides.
    """
    if status in (401, 403):
        return True
    if b"Fault" not in content:
        return False
    try:
        node = parse(content)
    except ProtocolError:
        return False
    return node.name == "Fault" and any(c in _REFUSALS for c in fault_of(node)[1])


def envelope(body: str, header: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
        f"<s:Header>{header}</s:Header>"
        '<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"{body}</s:Body></s:Envelope>"
    ).encode()


def password_digest(nonce: bytes, created: str, password: str) -> str:
    """Return the WS-Security UsernameToken Profile 1.0 digest: Base64(SHA-1(nonce + created + password))."""
    return base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
