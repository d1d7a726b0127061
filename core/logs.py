"""Structured logs: one JSON object a line on stderr, credentials removed before anything is formatted."""

from __future__ import annotations

import atexit
import json
import logging
import re
import sys
from datetime import datetime, timezone
from typing import Any

from core.log_repeats import RepeatFilter

_URL_CREDENTIALS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@\"']+@", re.IGNORECASE)
_PAIRS = re.compile(
    r"(?P<key>[\"']?\b(?:password|passwd|pwd|secret|token|cookie|nonce|response|authorization)\b[\"']?\s*[=:]\s*)"
    r"(?:(?:basic|digest|bearer)\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s,;&}]+)",
    re.IGNORECASE,
)
_XML_PASSWORD = re.compile(r"(<(?:\w+:)?(?:Password|Nonce)\b[^>]*>)[^<]*", re.IGNORECASE)


def redact(text: str) -> str:
    """Remove user:password from addresses and the values of secret-looking keys."""
    text = _URL_CREDENTIALS.sub(r"\g<scheme>***@", text)
    text = _XML_PASSWORD.sub(r"\1***", text)
    return _PAIRS.sub(r"\g<key>***", text)


class JsonFormatter(logging.Formatter):
    def __init__(self, process: str):
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
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
            entry["error"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


_repeats: RepeatFilter | None = None


def tell_repeats() -> None:
    """To be called every few seconds: lines on what was repeated go out although nothing else is logged."""
    if _repeats is not None:
        _repeats.due()


def configure(process: str, level: str = "INFO") -> None:
    """Send all logging of this process to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process))
    global _repeats
    _repeats = RepeatFilter(handler.emit)
    handler.addFilter(_repeats)
    atexit.register(_repeats.close)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("aiosqlite", "apscheduler", "aiohttp.access", "alembic", "faiss.loader"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
