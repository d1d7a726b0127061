"""`--capture`: raw exchanges as files, without secrets in them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cameras.onvif import soap
from cameras.onvif.capture import Capture, redact_exchange
from cameras.onvif.client import SoapClient, http_session
from cameras.onvif.device import identify
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import VirtualMake
from cameras.virtual.virtual_cameras import VirtualCameras, create_device
from core.clock import SystemClock
from tests.ports import free_port

LOGIN = ("minwang", "geheim-123")


async def test_an_exchange_is_captured_without_its_password(clip: LoopClip, tmp_path: Path) -> None:
    make = VirtualMake("T", "C", "1", frozenset({"wsse_only", "rtsp_password"}))
    crowd = VirtualCameras([create_device(1, make, clip, "127.79.0.1", LOGIN, (free_port(), free_port()))])
    await crowd.start(None)
    clock = SystemClock()
    capture = await asyncio.to_thread(Capture(tmp_path / "c").__enter__)
    async with http_session() as http:
        await identify(SoapClient(http, clock, LOGIN, listener=capture), crowd.members[0].service, clock)
    await asyncio.to_thread(capture.__exit__, None, None, None)
    await crowd.stop()

    def look() -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in (tmp_path / "c" / "127.79.0.1").iterdir()}

    files = await asyncio.to_thread(look)
    assert any(n.endswith("GetDeviceInformation.Response.xml") for n in files) and capture.dropped == 0
    for name, raw in files.items():
        assert (LOGIN[1].encode() not in raw and b"<Nonce>***" in raw) or b"Nonce" not in raw, name
        assert soap.parse(raw).name, "a captured file is a test case"
    stream = next(raw for n, raw in files.items() if n.endswith("GetStreamUri.Response.xml"))
    assert b"@" not in stream and b"rtsp://" in stream


@given(
    st.text(alphabet=st.characters(blacklist_characters="<>&", blacklist_categories=["Cs"]), min_size=6, max_size=30)
)
def test_a_password_element_of_any_dress_is_emptied(secret: str) -> None:
    for raw in (
        f"<Password>{secret}</Password>",
        f"<tt:Password Type='x'>{secret}</tt:Password>",
        f"<x:Username>{secret}</x:Username>",
    ):
        assert f">{secret}<".encode() not in redact_exchange(raw.encode())
