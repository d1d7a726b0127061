"""Access control of a virtual camera, for ONVIF and RTSP alike, with account lockout.

It accepts WS-UsernameToken within the time window that real cameras use, and HTTP Digest. With the quirk 'locks_out' it
counts every wrong credential, over either protocol, and locks all accounts after the fifth; tests use it to check that
a client does not retry wrong passwords.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from datetime import datetime

from cameras.onvif.soap import password_digest

TOKEN_WINDOW_S = 300.0
MAX_WRONG_TRIES = 5
LOCKOUT_S = 1800.0
NONCE_USES = 3


class AccessControl:
    """Accounts of one camera: password and level (Administrator, Operator, User) by name; empty: no login needed."""

    def __init__(self, login: tuple[str, str] | None, quirks: frozenset[str] = frozenset()):
        self.users: dict[str, tuple[str, str]] = {login[0]: (login[1], "Administrator")} if login else {}
        self._quirks = quirks
        self._nonce = secrets.token_hex(16)
        self._uses = 0
        self._locked_until = 0.0
        self.wrong_tries = 0
        self.refusing = False
        self.lockouts = 0

    @property
    def is_locked(self) -> bool:
        return time.monotonic() < self._locked_until

    def challenge(self) -> str | None:
        """Return the WWW-Authenticate header; None if Digest is not offered."""
        if "wsse_only" in self._quirks:
            return None
        algorithm = "SHA-256" if "sha256" in self._quirks else "MD5"
        return f'Digest realm="virtual", nonce="{self._nonce}", algorithm={algorithm}, qop="auth"'

    def digest(self, given: str, method: str, nonce: str | None = None) -> bool:
        """Check an Authorization header; `nonce` is the connection's own, if it has one."""
        if nonce is None:
            nonce = self._nonce
            self._uses += "short_nonce" in self._quirks
            if self._uses > NONCE_USES:
                self._nonce, self._uses = secrets.token_hex(16), 0
                return False  # the nonce expired; this does not count as a wrong password
        return self._count_result(any(check_digest(given, method, n, p, nonce) for n, (p, _) in self.users.items()))

    def basic(self, given: str) -> bool:
        wanted = ("Basic " + base64.b64encode(f"{n}:{p}".encode()).decode() for n, (p, _) in self.users.items())
        return self._count_result(any(hmac.compare_digest(given, w) for w in wanted))

    def token(self, envelope: str, now: datetime) -> bool:
        """Check the WS-UsernameToken in an envelope."""
        found = {
            k: re.search(rf"<(?:\w+:)?{k}\b[^>]*>([^<]*)<", envelope)
            for k in ("Username", "Password", "Nonce", "Created")
        }
        fields = {k: m.group(1) for k, m in found.items() if m}
        if len(fields) < 4 or "digest_only" in self._quirks:
            return False  # no credential was sent, so it does not count as a wrong one
        return self._count_result(self._token_is_good(fields, now))

    def level(self, name: str) -> str:
        return self.users[name][1] if name in self.users else ""

    def _token_is_good(self, fields: dict[str, str], now: datetime) -> bool:
        if fields["Username"] not in self.users:
            return False
        window = 5.0 if "small_window" in self._quirks else TOKEN_WINDOW_S
        try:
            created = datetime.fromisoformat(fields["Created"])
            nonce = base64.b64decode(fields["Nonce"])
        except ValueError:
            return False
        if abs((now - created).total_seconds()) > window:
            return False
        wanted = password_digest(nonce, fields["Created"], self.users[fields["Username"]][0])
        return hmac.compare_digest(wanted, fields["Password"])

    def _count_result(self, good: bool) -> bool:
        if self.is_locked or self.refusing:
            return False
        if good:
            self.wrong_tries = 0
            return True
        self.wrong_tries += 1
        if "locks_out" in self._quirks and self.wrong_tries >= MAX_WRONG_TRIES:
            self._locked_until = time.monotonic() + LOCKOUT_S
            self.lockouts += 1
        return False


def check_digest(given: str, method: str, user: str, password: str, nonce: str) -> bool:
    """Check a Digest header of RFC 2069, 2617 or 7616: MD5 and SHA-256, with or without qop."""
    if not given.lower().startswith("digest "):
        return False
    fields = dict(re.findall(r'(\w+)="?([^",]*)"?', given[7:]))
    if fields.get("username") != user or fields.get("nonce") != nonce:
        return False
    name = hashlib.sha256 if "SHA-256" in fields.get("algorithm", "").upper() else hashlib.md5
    ha1 = name(f"{user}:{fields.get('realm', '')}:{password}".encode()).hexdigest()
    ha2 = name(f"{method}:{fields.get('uri', '')}".encode()).hexdigest()
    middle = f"{nonce}:{fields.get('nc')}:{fields.get('cnonce')}:{fields['qop']}" if "qop" in fields else nonce
    expected = name(f"{ha1}:{middle}:{ha2}".encode()).hexdigest()
    return hmac.compare_digest(expected, fields.get("response", ""))
