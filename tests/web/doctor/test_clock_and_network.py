"""The checks of clock, ports and multicast, each under the conditions that it detects."""

from __future__ import annotations

import asyncio
import socket
from datetime import datetime, timezone
from pathlib import Path

import pytest

from cameras.discovery import ws_discovery
from core.clock import ManualClock, SystemClock
from core.settings import Settings, WebSettings
from tests.web.conftest import SignIn
from tests.web.doctor.checked import checked_station, states
from web.doctor import clock, network
from web.doctor.facts import CheckedStation, CheckResult, CheckState
from web.http import anonymous_limit


def test_kernel_clock_states() -> None:
    (found,) = clock.synchronised(CheckedStation(Settings(), SystemClock()))
    assert found.value.startswith(("synchronised", "not synchronised"))
    (early,) = clock.synchronised(CheckedStation(Settings(), ManualClock(datetime(1970, 1, 1, tzinfo=timezone.utc))))
    assert early.state is CheckState.FAILED and "1970-01-01" in early.value
    cases = (
        (0, 0, 0.001, 0.02, "chronyd", "ok"),
        (5, 0x40, 0.0, 16.0, "", "warning"),
        (0, 0x40, 0.0, 16.0, "chronyd", "warning"),
        (0, 0, 2.0, 0.1, "ntpd", "warning"),
        (0, 0, 0.0, 20.0, "ntpd", "warning"),
    )
    for state, status, offset, error, daemon, expected in cases:
        assert clock.judge(state, status, offset, error, daemon).state == expected
    assert "apt-get install chrony" in clock.judge(5, 0x40, 0, 0, "").remedy
    assert (
        "no time service" in clock.judge(5, 0x40, 0, 0, "").value
        and "service" not in clock.judge(5, 0x40, 0, 0, None).value
    )
    assert "Asia/Shanghai" in clock.zone(CheckedStation(Settings(), SystemClock()))[0].value


@pytest.mark.parametrize(("said", "state"), [("yes", "ok"), ("no", "warning"), ("", "unknown"), (None, "unknown")])
def test_clock_check_in_a_sandbox(
    said: str | None, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the service that `minwang install` sets up: adjtimex is refused, timedated answers over D-Bus."""
    monkeypatch.setattr(clock, "kernel_clock", lambda: None)
    if said is not None:
        (tmp_path / "timedatectl").write_text(
            f'#!/bin/sh\n[ "$*" = "show -p NTPSynchronized --value" ] && echo {said}\n'
        )
        (tmp_path / "timedatectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert states(clock.synchronised(CheckedStation(Settings(), SystemClock()))) == [state]


async def test_console_port(sign_in: SignIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await sign_in(None)
    port = client.server.port
    assert port is not None

    async def look(number: int, **web: object) -> CheckResult:
        settings = WebSettings(port=number, **web)  # type: ignore[arg-type]
        return (await asyncio.to_thread(network.console, checked_station(tmp_path, web=settings)))[0]

    assert (found := await look(port)).state is CheckState.OK and found.value == "the console answers"
    monkeypatch.setattr(anonymous_limit, "BURST_REQUESTS", 0.0)  # somebody at this address sends too many requests
    assert (found := await look(port)).state is CheckState.OK and found.value == "the console answers"

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        await writer.drain()
        writer.close()

    stranger = await asyncio.start_server(other, "127.0.0.1", 0)
    taken = stranger.sockets[0].getsockname()[1]
    assert (found := await look(taken)).state is CheckState.FAILED and found.value == "another program answers"
    stranger.close()
    await stranger.wait_closed()
    assert (found := await look(taken)).state is CheckState.WARNING and "free" in found.value
    assert (found := await look(8080, host="203.0.113.77")).state is CheckState.FAILED or "cannot" in found.value
    assert (await look(0)).state is CheckState.UNKNOWN


def test_discovery_and_multicast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:  # without SO_REUSEADDR the port cannot be shared
        holder.bind(("", 0))  # not 3702: virtual cameras of other tests listen there
        monkeypatch.setattr(ws_discovery, "PORT", holder.getsockname()[1])
        (taken,) = network.discovery_port(checked_station(tmp_path))
    assert states(network.discovery_port(checked_station(tmp_path))) == ["ok"]
    assert taken.state is CheckState.WARNING and "Address already in use" in taken.value
    heard = network._loop("127.0.0.1", "lo")
    assert heard.value == "group joined, datagram came back", heard
    away = network._loop("203.0.113.77", "x")
    assert away.state is CheckState.WARNING and "multicast does not work" in away.value
