"""The TLS context that aiohttp serves with: TLS 1.2 and 1.3, and a certificate that can be replaced while serving.

The listener's context takes the newest context at each handshake (OpenSSL calls the server-name callback whether or not
the client sends a server name). A loaded context is never changed: OpenSSL does not allow that while others use it.
"""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path

from core.errors import CertificateError
from web.tls.certificate import Certificate, load

# TLS 1.2 suites with forward secrecy and authenticated encryption (RFC 7525 4.2); all suites of TLS 1.3 have both.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
Stamp = tuple[tuple[int, int, int], ...]


class TlsContext:
    """Serves with certificate and key from two files. Raises CertificateError if they cannot be used.

    At start an expired certificate is accepted: browsers warn about it, and a station must start again after a power
    cut, whatever its certificate's dates or its clock say.
    """

    def __init__(self, path: Path, key_path: Path):
        self._files = (path, key_path)
        self._stamp = self._look()
        self.certificate, self._current = self._load(None)
        self.listener = _context(path, key_path)
        self.listener.sni_callback = self._choose

    def reload(self, now: datetime) -> bool:
        """Load the files again if they have changed; True if it did. Blocking.

        Raises CertificateError if the new ones cannot be used; the old ones then stay in use.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self.certificate, self._current = self._load(now)
        self._stamp = stamp
        return True

    def _load(self, now: datetime | None) -> tuple[Certificate, ssl.SSLContext]:
        return load(*self._files, now), _context(*self._files)

    def _look(self) -> Stamp:
        try:
            return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in (f.stat() for f in self._files))
        except OSError:
            return ()  # `load` reports which file and why

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current


def _context(path: Path, key_path: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    made.set_ciphers(CIPHERS)
    made.set_alpn_protocols(["http/1.1"])
    try:
        made.load_cert_chain(path, key_path, password=lambda: "")
    except (OSError, ssl.SSLError) as e:
        raise CertificateError(f"{path}: OpenSSL rejects it ({e}); request a new certificate") from e
    return made
