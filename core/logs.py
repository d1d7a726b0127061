"""Structured logs: one JSON object per line on stderr; removes credentials from messages and tracebacks."""

from __future__ import annotations

import atexit
import json
import logging
import re
import sys
from datetime import datetime, timezone

from core.log_repeats import RepeatFilter

MAX_TEXT = 4096  # characters of a message, and of a traceback
_MARGIN = 512  # longest credential in characters: what a cut leaves of one lies within this distance of the cut
_URL_CREDENTIALS = re.compile(  # of at most _MARGIN characters
    r"(?P<scheme>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,20}://)[^/\s@\"']{1,512}@", re.IGNORECASE
)
_PAIRS = re.compile(
    r"(?P<key>[\"']?\b(?:password|passwd|pwd|secret|token|cookie|nonce|response|authorization)\b[\"']?\s*[=:]\s*)"
    r"(?:(?:basic|digest|bearer)\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s,;&}]+)",
    re.IGNORECASE,
)
# Characters that JSON does not escape and that a terminal or viewer interprets as control characters or line ends: DEL,
# C1, line separators, direction marks.
_HIDDEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_XML_PASSWORD = re.compile(r"(<(?:\w{1,40}:)?(?:Password|Nonce)\b[^<>]*>)[^<]*", re.IGNORECASE)


def redact(text: str, limit: int = MAX_TEXT) -> str:
    """Remove user:password from addresses and the values of keys that look secret.

    A text of more than `limit` characters is cut first, so that long lines from outside do not keep the process busy.
    """
    cut = len(text) - limit
    if cut > 0:
        text = text[: limit + _MARGIN]
    text = _URL_CREDENTIALS.sub(r"\g<scheme>***@", text)
    text = _XML_PASSWORD.sub(r"\1***", text)
    text = _PAIRS.sub(r"\g<key>***", text)
    # A credential that the cut split does not match; it is removed together with the margin.
    return text if cut <= 0 else f"{text[:-_MARGIN]}… ({cut} more characters)"


def _redact_traceback(text: str) -> str:
    """Redact a traceback; of a long one, keep the first lines (where it began) and the last lines (what failed)."""
    if len(text) <= MAX_TEXT:
        return redact(text)
    lines = text.split("\n")
    last, size = len(lines) - 1, 0
    while last > 1 and size + len(lines[last - 1]) < MAX_TEXT // 2:
        last, size = last - 1, size + len(lines[last - 1]) + 1
    head = redact("\n".join(lines[: min(last, 4)]), MAX_TEXT // 4)
    tail = redact("\n".join(lines[last:-1])) if last < len(lines) - 1 else ""
    return "\n".join((head, "…", *([tail] if tail else []), redact(lines[-1], MAX_TEXT // 4)))


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object in one line, without credentials."""

    def __init__(self, process: str):
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, str] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self.process,
            "room": record.name,
            "message": redact(record.getMessage()),
        }
        for key in ("camera", "stream", "user"):
            if hasattr(record, key):
                entry[key] = getattr(record, key)
        if record.exc_info:
            entry["error"] = _redact_traceback(self.formatException(record.exc_info))
        return _HIDDEN.sub(_escaped, json.dumps(entry, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


class _BadRequests(logging.Filter):
    """Drop what aiohttp logs about requests that are not HTTP: the sender gets a 400; anybody can send thousands."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return error is None or not type(error).__module__.startswith("aiohttp.http_exceptions")


_repeats: RepeatFilter | None = None


def flush_repeats() -> None:
    """Write the pending lines on repeated records; call it every few seconds, even if nothing else is logged."""
    if _repeats is not None:
        _repeats.flush_due()


def configure(process: str, level: str = "INFO") -> None:
    """Send all logging of this process to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process))
    global _repeats
    _repeats = RepeatFilter(handler.emit)
    handler.addFilter(_repeats)
    atexit.register(_repeats.close)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(_BadRequests())
    for noisy in (
        "fontTools",
        "weasyprint",
        "PIL",
        "aiosqlite",
        "apscheduler",
        "aiohttp.access",
        "alembic",
        "faiss.loader",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
