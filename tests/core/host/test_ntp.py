"""The kernel's clock state counts only if this process sees the kernel's clock."""

from __future__ import annotations

import time

import pytest

from core.host import ntp
from core.host.ntp import STA_UNSYNC, TIME_ERROR, KernelClock


@pytest.mark.parametrize(
    ("state", "status", "max_error", "off", "kept"),
    [
        (0, 0, 0.1, 0, True),
        (TIME_ERROR, 0, 0.1, 0, False),
        (0, STA_UNSYNC, 0.1, 0, False),
        (0, 0, 20.0, 0, False),  # no correction for hours: above MAX_ERROR_S
        (0, 0, 0.1, 40 * 86_400, False),  # this process sees another time
    ],
)
def test_a_kept_clock(
    state: int, status: int, max_error: float, off: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = KernelClock(state, status, 0.0, max_error, int(time.time()) - off)
    monkeypatch.setattr(ntp, "kernel_clock", lambda: kernel)
    assert ntp.synchronised() is kept


def test_a_kernel_that_may_not_be_asked_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ntp, "kernel_clock", lambda: None)
    monkeypatch.setattr(ntp, "timedated_answer", lambda: "")
    assert ntp.synchronised() is None


def test_this_machine_answers() -> None:
    found = ntp.kernel_clock()
    assert found is None or abs(found.seconds - time.time()) < 5
