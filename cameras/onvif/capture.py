"""`--capture DIR`: store every raw exchange with a camera as files, so that a new make becomes a test case.

Passwords, password digests and credentials in addresses are removed before anything is written. A separate thread
writes the files; when it falls behind, exchanges are dropped and counted.
"""

from __future__ import annotations

import itertools
import logging
import queue
import re
import threading
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from cameras.onvif.addresses import PASSWORD_NAMES, USER_NAMES

log = logging.getLogger(__name__)

MAX_QUEUED_FILES = 2000
_ELEMENTS = re.compile(rb"(<((?:[\w.-]+:)?(?:Password|Nonce|Username))\b[^>]*>)[^<]*(</\2>)", re.IGNORECASE)
_USER_INFO = re.compile(rb"://[^/\s<>\"@]+@")
_QUERY = re.compile(
    rb"(?i)(?<![a-z])(?:((?:"
    + USER_NAMES.encode()
    + rb"|"
    + PASSWORD_NAMES.encode()
    + rb"|(?<=[?&;])[up])=)[^&/?;<>\s\"]*?(?=[&/?;<>\s\"]|_[a-z]+=|$)"
    rb"|((?:auth_?basic|authorization|auth|(?:access_?)?token|session_?id|key|sig)=)[^&?;<>\s\"']+)"
)
_OPERATION = re.compile(rb"<(?:[\w.-]+:)?Body\b[^>]*>\s*<(?:[\w.-]+:)?([\w.-]+)")


def redact_exchange(raw: bytes) -> bytes:
    """Remove user names, passwords, digests and nonces from a message."""
    raw = _USER_INFO.sub(b"://", _ELEMENTS.sub(rb"\1***\3", raw))
    return _QUERY.sub(rb"\1\2***", raw) if b"=" in raw else raw


class Capture:
    """Listener for SoapClient that writes DIR/<host>/<number>-<Operation>.<kind>.xml.

    kind is Request, Response or Error-<status>.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.dropped = 0
        self._numbers = itertools.count(1)
        self._queue: queue.Queue[tuple[Path, bytes] | None] = queue.Queue(MAX_QUEUED_FILES)
        self._thread = threading.Thread(target=self._write, name="capture", daemon=True)

    def __enter__(self) -> Capture:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.put(None)
        self._thread.join(10)
        if self.dropped:
            log.warning("%d exchanges were not captured: %s is too slow", self.dropped, self.folder)

    def __call__(self, url: str, request: bytes, status: int, reply: bytes) -> None:
        found = _OPERATION.search(request)
        operation = found.group(1).decode() if found else "unknown"
        host = re.sub(r"[^\w.-]", "_", urlsplit(url).hostname or "unknown")
        name = f"{next(self._numbers):04d}-{operation}"
        kind = "Response" if status == 200 else f"Error-{status}"
        for part, raw in (("Request", request), (kind, reply)):
            try:
                self._queue.put_nowait((self.folder / host / f"{name}.{part}.xml", raw))
            except queue.Full:
                self.dropped += 1

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            path, raw = item
            try:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(redact_exchange(raw))
            except OSError as e:
                log.warning("%s: cannot be written (%s)", path, e.strerror)
