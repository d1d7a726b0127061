"""Where the console may be reached, and which settings are warned of."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from core.clock import ManualClock
from core.settings import DataSettings, Settings, TlsMode, WebSettings
from web.http import connection_limits, listener
from web.http.listener import Listener

EXPOSED: tuple[tuple[str, str, list[str], str], ...] = (
    ("0.0.0.0", "off", [], "is served without encryption on 0.0.0.0"),
    ("127.0.0.1", "off", [], ""),
    ("::1", "proxy", [], ""),
    ("0.0.0.0", "proxy", [], "answers without encryption on 0.0.0.0, not only through its proxy"),
    ("0.0.0.0", "proxy", ["10.1.1.1"], ""),
)


@pytest.mark.parametrize(("host", "tls", "proxies", "words"), EXPOSED)
async def test_plain_http_for_other_machines_is_warned_of(
    host: str, tls: str, proxies: list[str], words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    web_settings = WebSettings(host=host, port=0, tls=TlsMode(tls), trusted_proxies=proxies)
    runner = connection_limits.Runner(web.Application(), WebSettings())
    await runner.setup()
    await Listener(Settings(data=DataSettings(dir=tmp_path), web=web_settings), ManualClock()).start(runner)
    await runner.cleanup()
    assert words in caplog.text and bool(words) is bool(caplog.text)


def test_console_addresses() -> None:
    def of(**values: object) -> str:
        return listener.address(Settings(web=WebSettings(**values)))  # type: ignore[arg-type]

    assert of() == "http://127.0.0.1:8080"
    assert of(host="::1", tls="own", port=443) == "https://[::1]:443"
