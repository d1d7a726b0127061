"""Limits repeated log records: counts repetitions instead of writing them.

The first record of a kind is written whole. In the minute after it, records with the same text (or the same kind of
exception) are only counted, and so are records with the same template and other values after the first twenty; then one
line gives their number, and the next minute begins. A kind is logger, level, message template and type of exception.
Memory is bounded: the kind that was quiet for longest is dropped first, with its line.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import MinwangError

WINDOW_SECONDS = 60.0
MAX_KINDS = 300
MAX_DIFFERENT = 20  # texts of one template in a window, each with another camera, for example

_Kind = tuple[str, int, str, str]


@dataclass(slots=True)
class _Window:
    began: float
    last: logging.LogRecord
    texts: set[str] = field(default_factory=set)
    repeated: int = 0


class RepeatFilter(logging.Filter):
    """Filter of a handler. `emit` writes a record past this filter; call `flush_due` every few seconds."""

    def __init__(self, emit: Callable[[logging.LogRecord], object], monotonic: Callable[[], float] = time.monotonic):
        super().__init__()
        self._emit, self._monotonic = emit, monotonic
        self._kinds: OrderedDict[_Kind, _Window] = OrderedDict()
        self._lock = threading.RLock()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
            return False  # a job that ended because its process is shutting down
        kind = _kind_of(record)  # taken before `_shorten` changes the template
        _shorten(record)
        with self._lock:
            return self._is_new(record, kind)

    def _is_new(self, record: logging.LogRecord, kind: _Kind) -> bool:
        now = self._monotonic()
        self.flush_due(now)
        text = record.getMessage()[:500]
        window = self._kinds.get(kind)
        if window is None:
            if len(self._kinds) >= MAX_KINDS:
                self._report(self._kinds.popitem(last=False)[1], now)
            self._kinds[kind] = _Window(now, record, {text})
            return True
        self._kinds.move_to_end(kind)
        window.last = record
        if not record.exc_info and text not in window.texts and len(window.texts) < MAX_DIFFERENT:
            window.texts.add(text)
            return True
        window.repeated += 1
        return False

    def flush_due(self, now: float | None = None) -> None:
        """Write the count lines of windows that are over."""
        now = self._monotonic() if now is None else now
        with self._lock:
            over = [kind for kind, w in self._kinds.items() if now - w.began >= WINDOW_SECONDS]
            for kind in over:
                window = self._kinds[kind]
                if not window.repeated:
                    del self._kinds[kind]
                    continue
                self._report(window, now)
                self._kinds[kind] = _Window(now, window.last, {window.last.getMessage()[:500]})

    def close(self) -> None:
        """Write the remaining count lines when the process ends."""
        with self._lock:
            while self._kinds:
                self._report(self._kinds.popitem(last=False)[1], self._monotonic())

    def _report(self, window: _Window, now: float) -> None:
        if window.repeated:
            last = window.last
            text = f"{last.getMessage()} (repeated {window.repeated} times in {now - window.began:.0f} s)"
            self._emit(logging.LogRecord(last.name, last.levelno, last.pathname, last.lineno, text, None, None))


def _shorten(record: logging.LogRecord) -> None:
    """Remove the traceback of a MinwangError, whose text is meant for a person, and append that text to the message."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, MinwangError):
        record.msg, record.args = "%s: %s", (record.getMessage(), str(error))
        record.exc_info = record.exc_text = None


def _kind_of(record: logging.LogRecord) -> _Kind:
    error = record.exc_info[0] if record.exc_info else None
    return record.name, record.levelno, str(record.msg), error.__name__ if error else ""
