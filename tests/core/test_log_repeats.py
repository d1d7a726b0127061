"""Repeated records are counted, not written again."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import pytest

from core.clock import ManualClock
from core.errors import StorageError
from core.log_repeats import MAX_DIFFERENT, MAX_KINDS, RepeatFilter


class Log:
    """A filter with its clock, and the lines that passed it."""

    def __init__(self, clock: ManualClock):
        self.clock = clock
        self.lines: list[str] = []
        self.whole: list[logging.LogRecord] = []
        self.filter = RepeatFilter(lambda r: self.lines.append(r.getMessage()), clock.monotonic)

    def say(self, message: str, *args: object, level: int = logging.ERROR, error: BaseException | None = None) -> None:
        info: Any = None
        if error is not None:
            try:
                raise error
            except BaseException:  # noqa: BLE001  # raised here
                info = sys.exc_info()
        record = logging.LogRecord("room", level, __file__, 1, message, args, info)
        if self.filter.filter(record):
            self.lines.append(record.getMessage())
            self.whole.append(record)


@pytest.fixture
def log(clock: ManualClock) -> Log:
    return Log(clock)


def test_the_first_is_whole_then_one_line_a_minute(log: Log) -> None:
    for _ in range(150):
        log.say("%s failed; it is tried again", "patrol", error=ValueError("odd"))
        log.clock.advance(1.0)
    log.filter.close()
    first = "patrol failed; it is tried again"
    assert log.lines == [
        first,
        f"{first} (repeated 59 times in 60 s)",
        f"{first} (repeated 60 times in 60 s)",
        f"{first} (repeated 30 times in 30 s)",
    ]
    assert log.whole[0].exc_info is not None  # with its traceback


def test_the_count_goes_out_without_another_record(log: Log) -> None:
    log.say("odd")
    log.say("odd")
    log.clock.advance(61)
    log.filter.flush_due()
    assert log.lines == ["odd", "odd (repeated 1 times in 61 s)"]
    log.clock.advance(61)
    log.filter.flush_due()
    log.say("odd")
    assert log.lines[2:] == ["odd"]  # after a quiet minute it is new again


def test_other_kinds_are_no_repetition(log: Log) -> None:
    log.say("failed", error=ValueError())
    log.say("failed", error=KeyError())
    log.say("failed")
    log.say("failed", level=logging.WARNING)
    for _ in range(3):
        log.say("position", level=logging.INFO)  # never counted
    assert len(log.lines) == 7


def test_other_values_are_told_up_to_a_limit(log: Log) -> None:
    """Which cameras stalled is information; two thousand lines are not."""
    for number in range(2000):
        log.say("%s stalled", f"cam-{number}")
    assert log.lines == [f"cam-{n} stalled" for n in range(MAX_DIFFERENT)]
    log.filter.close()
    assert log.lines[-1] == f"cam-1999 stalled (repeated {2000 - MAX_DIFFERENT} times in 0 s)"


def test_memory_is_bounded(log: Log) -> None:
    for number in range(10 * MAX_KINDS):
        log.say(f"template {number}")
        log.say(f"template {number}")
    assert len(log.filter._kinds) == MAX_KINDS
    # dropped kinds still write their count
    assert sum("repeated 1 times" in line for line in log.lines) == 9 * MAX_KINDS


def test_an_error_with_a_sentence_needs_no_traceback(log: Log) -> None:
    log.say("%s failed; it is tried again", "status", error=StorageError("the disk is full; add space"))
    assert log.lines == ["status failed; it is tried again: the disk is full; add space"]
    assert log.whole[0].exc_info is None


def test_errors_with_sentences_of_other_places_are_other_kinds(log: Log) -> None:
    for number in range(MAX_DIFFERENT + 5):
        log.say("reading failed", error=StorageError(f"sentence {number}"))
    log.say("writing failed", error=StorageError("sentence 0"))
    assert log.lines[-1] == "writing failed: sentence 0"
    assert len(log.lines) == MAX_DIFFERENT + 1


def test_a_cancelled_job_is_no_error(log: Log) -> None:
    log.say("Job raised an exception", error=asyncio.CancelledError())
    assert log.lines == []
