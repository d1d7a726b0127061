"""Basic and Digest authentication (MD5, SHA-256; RFC 7616) as clients of cameras do it, over HTTP and RTSP.

A credential that was refused once is not sent again: `challenge` says whether answering makes sense, and
that is so only for the first challenge, for a nonce that the camera calls stale, and for a new nonce after the
credential was accepted with the old one (cheap cameras forget to say stale).
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field


@dataclass(slots=True)
class Authenticator:
    """Answers a camera's challenges, HTTP and RTSP alike, remembering the last one."""

    login: tuple[str, str] | None
    basic: bool = True  # the password may be sent as it is, where the camera knows nothing better
    _fields: dict[str, str] = field(default_factory=dict)
    _scheme: str = ""
    _count: int = 0
    _accepted: bool = False
    _ha1: str | None = None

    @property
    def ready(self) -> bool:
        """A challenge was taken: the next header answers it."""
        return bool(self._scheme)

    def accepted(self) -> None:
        """The camera took the credential: a new nonce after that is an old one's end, not a refusal."""
        self._accepted = True

    def challenge(self, challenges: list[str]) -> bool:
        """Take a challenge; True where answering it (again) makes sense."""
        known = {c.partition(" ")[0].lower(): c for c in challenges}
        chosen = self._best_digest([c for c in challenges if c.lower().startswith("digest ")]) or (
            known.get("basic") if self.basic else None
        )
        if chosen is None or self.login is None:
            return False
        fields = {k.lower(): q or p for k, q, p in re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', chosen.partition(" ")[2])}
        first = not self._scheme
        stale = fields.get("stale", "").lower() == "true"
        renewed = self._accepted and fields.get("nonce") != self._fields.get("nonce")
        self._scheme, self._fields, self._count = chosen.partition(" ")[0].lower(), fields, 0
        self._accepted, self._ha1 = False, None
        return first or stale or renewed

    def _best_digest(self, offers: list[str]) -> str | None:
        supported = [o for o in offers if _hash_name(o) is not None]
        return max(supported, key=lambda o: "sha-256" in o.lower(), default=None)

    def header(self, method: str, uri: str) -> str:
        if self.login is None or not self._scheme:
            return ""
        user, password = self.login
        if self._scheme == "basic":
            return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        realm, nonce = self._fields.get("realm", ""), self._fields.get("nonce", "")
        algorithm = self._fields.get("algorithm", "MD5")
        digest = hashlib.sha256 if "sha-256" in algorithm.lower() else hashlib.md5
        if self._ha1 is None:
            self._ha1 = digest(f"{user}:{realm}:{password}".encode()).hexdigest()
        ha1 = self._ha1
        ha2 = digest(f"{method}:{uri}".encode()).hexdigest()
        parts = [f'username="{user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
        if "auth" in self._fields.get("qop", "").replace(",", " ").split():
            self._count += 1
            cnonce = secrets.token_hex(8)
            response = digest(f"{ha1}:{nonce}:{self._count:08x}:{cnonce}:auth:{ha2}".encode()).hexdigest()
            parts += ["qop=auth", f"nc={self._count:08x}", f'cnonce="{cnonce}"']
        else:
            response = digest(f"{ha1}:{nonce}:{ha2}".encode()).hexdigest()
        parts.append(f'response="{response}"')
        parts += [f'{k}="{self._fields[k]}"' for k in ("opaque",) if k in self._fields]
        if "algorithm" in self._fields:
            parts.append(f"algorithm={algorithm}")
        return "Digest " + ", ".join(parts)


def _hash_name(offer: str) -> str | None:
    found = re.search(r'algorithm\s*=\s*"?([\w-]+)', offer, re.IGNORECASE)
    name = found.group(1).upper() if found else "MD5"
    return name if name in ("MD5", "SHA-256") else None
