"""Basic and Digest authentication (MD5, SHA-256; RFC 7616) of a client to a camera, over HTTP and RTSP.

A refused credential is not sent again: `challenge` returns whether an answer makes sense. It does for the first
challenge, for a nonce that the camera calls stale, and once for a new nonce: cameras change it at any time and often
omit `stale`. A second refusal of an answered nonce means that the credential is refused.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_FIELD = re.compile(r'(?<!\w)(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"(?:^|,)\s*(digest|basic)(?=\s|$)", re.IGNORECASE)
MAX_CHALLENGE = 2048  # characters of a header field; cameras send about 200
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


class PlainPasswordLogin(tuple[str, str]):
    """User and password of a camera whose file allows clear-text passwords (Basic, in URLs).

    Any other login answers only Digest: otherwise somebody who takes a camera's place and asks for Basic would learn a
    password that a whole village may share.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlainPasswordLogin) and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__


@dataclass(slots=True)
class Authenticator:
    """Answers a camera's challenges, for HTTP and RTSP; keeps the last challenge."""

    login: tuple[str, str] | None
    basic: bool = False  # Basic is allowed if the camera offers nothing better
    answered: bool = False  # the credential was sent at least once
    wants_clear_password: bool = False  # the camera asks for a clear-text password, which is not allowed
    has_digest: bool = False  # the camera once offered Digest: Basic is not answered any more
    _fields: dict[str, str] = field(default_factory=dict)
    _scheme: str = ""
    _count: int = 0
    _sent: bool = False  # the current challenge was answered
    _renewed: bool = False  # a second nonce was answered since the camera last accepted the credential
    _ha1: str | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a challenge that the next header answers."""
        return bool(self._scheme)

    def accepted(self) -> None:
        """Record that the camera accepted the credential: a later challenge means an expired nonce, not a refusal."""
        self._renewed = False

    def challenge(self, challenges: list[str]) -> bool:
        """Store a challenge; returns True if answering it (again) makes sense."""
        if self.login is None:
            return False
        offers = [offer for text in challenges for offer in _offers(text)]
        digest = _best_digest(offers)
        basic = next((o for o in offers if o[0] == "basic"), None)
        self.has_digest |= digest is not None
        self.wants_clear_password = digest is None and basic is not None and (self.has_digest or not self.basic)
        chosen = digest or (None if self.wants_clear_password else basic)
        if chosen is None:
            return False
        scheme, fields = chosen
        known = (scheme, fields.get("nonce")) == (self._scheme, self._fields.get("nonce"))
        stale = fields.get("stale", "").lower() == "true" and scheme == "digest"
        useful = not self._sent or stale or (not known and not self._renewed)
        self._renewed = self._sent
        if not known:
            self._count = 0
        self._scheme, self._fields, self._ha1, self._sent = scheme, fields, None, False
        return useful

    def header(self, method: str, uri: str) -> str:
        if self.login is None or not self._scheme:
            return ""
        self._sent = self.answered = True
        user, password = self.login
        if self._scheme == "basic":
            return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        realm, nonce = self._fields.get("realm", ""), self._fields.get("nonce", "")
        digest = _HASHES[_hash_name(self._fields)]
        if self._ha1 is None:
            self._ha1 = digest(f"{user}:{_unquoted(realm)}:{password}".encode()).hexdigest()
        ha1 = self._ha1
        ha2 = digest(f"{method}:{uri}".encode()).hexdigest()
        parts = [f'username="{_quoted(user)}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
        if "auth" in self._fields.get("qop", "").lower().replace(",", " ").split():
            self._count += 1
            cnonce = secrets.token_hex(8)
            response = digest(f"{ha1}:{nonce}:{self._count:08x}:{cnonce}:auth:{ha2}".encode()).hexdigest()
            parts += ["qop=auth", f"nc={self._count:08x}", f'cnonce="{cnonce}"']
        else:
            response = digest(f"{ha1}:{nonce}:{ha2}".encode()).hexdigest()
        parts.append(f'response="{response}"')
        parts += [f'{k}="{self._fields[k]}"' for k in ("opaque",) if k in self._fields]
        if "algorithm" in self._fields:
            parts.append(f"algorithm={self._fields['algorithm']}")
        return "Digest " + ", ".join(parts)


def _offers(text: str) -> list[tuple[str, dict[str, str]]]:
    """Return (scheme, parameters) of each challenge in a header field, which may hold several.

    Values keep their quoting (backslash escapes), because they are sent back unchanged.
    """
    text = text[:MAX_CHALLENGE]
    masked = _QUOTED.sub(lambda m: '"' + "x" * (len(m[0]) - 2) + '"', text)
    begins = list(_SCHEME.finditer(masked))
    ends = [*(m.start() for m in begins[1:]), len(text)][: len(begins)]
    return [(m[1].lower(), _parameters(text[m.end() : end])) for m, end in zip(begins, ends, strict=True)]


def _parameters(text: str) -> dict[str, str]:
    return {name.lower(): quoted or token for name, quoted, token in _FIELD.findall(text)}


def _best_digest(offers: list[tuple[str, dict[str, str]]]) -> tuple[str, dict[str, str]] | None:
    supported = [o for o in offers if o[0] == "digest" and _hash_name(o[1])]
    return max(supported, key=lambda o: _hash_name(o[1]) == "SHA-256", default=None)


def _hash_name(fields: dict[str, str]) -> str:
    """Return the name of the hash that a challenge asks for; empty if it is not supported."""
    name = fields.get("algorithm", "MD5").upper()
    return name if name in _HASHES else ""


def _unquoted(text: str) -> str:
    """Undo the quoting of `"` and `\\` (RFC 7230, 3.2.6); in realms such as `IP\\Camera` the backslash is literal."""
    return re.sub(r'\\(["\\])', r"\1", text)


def _quoted(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)
