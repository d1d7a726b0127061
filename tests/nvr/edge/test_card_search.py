"""Finding and playing the recordings of a card, also by an independent client."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from cameras.onvif.addresses import service_url
from cameras.onvif.client import SoapClient
from cameras.onvif.recordings import EdgeStorage, Recording
from core.clock import SystemClock
from core.errors import CameraUnreachable
from tests.nvr.conftest import LOGIN
from tests.nvr.edge.card_town import HOST, Town


async def test_recordings_are_found_with_and_without_search(town: Town) -> None:
    url = service_url(f"{HOST}:{town.device.http_port}")
    client = SoapClient(town.http, SystemClock(), LOGIN)
    card = await EdgeStorage.of(client, url)
    assert card is not None
    (found,) = await card.recordings()
    assert found.token == "card-main" and found.start is not None and found.end is not None
    del town.onvif._operations["EndSearch"]  # an error at the end of a search does not affect its results
    assert [(r.token, r.start) for r in await card.recordings()] == [(found.token, found.start)]
    del card._services["http://www.onvif.org/ver10/search/wsdl"]
    assert await card.recordings() == [Recording("card-main")]
    assert await card.replay_url(found) == town.url.replace("/main", "/replay/main")
    town.device.faults.add("dead")
    with pytest.raises(CameraUnreachable):
        await EdgeStorage.of(client, url)


GSTREAMER = """
import sys, gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
player = Gst.parse_launch(
    "rtspsrc name=source onvif-mode=true onvif-rate-control=false protocols=tcp ! rtph264depay ! h264parse \
! fakesink num-buffers=10"
)
source = player.get_by_name("source")
for name, value in zip(("location", "user-id", "user-pw"), sys.stdin.read().split()):
    source.set_property(name, value)
player.set_state(Gst.State.PLAYING)
message = player.get_bus().timed_pop_filtered(15 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
player.set_state(Gst.State.NULL)
sys.exit("silence" if message is None else 0 if message.type == Gst.MessageType.EOS else message.parse_error()[1])
"""


async def test_gstreamer_plays_the_virtual_card(town: Town) -> None:
    """An independent ONVIF client understands the replay that these tests use."""
    gi = ["/usr/bin/python3", "-c", "import gi; gi.require_version('Gst', '1.0')"]
    if (await asyncio.to_thread(subprocess.run, gi, capture_output=True, check=False)).returncode != 0:
        pytest.skip("GStreamer is not installed; ./minwang test names the packages")
    town.server.switched_on -= 3.0  # the card holds three seconds
    url = town.url.replace("/main", "/replay/main")
    process = await asyncio.create_subprocess_exec(
        "/usr/bin/python3", "-c", GSTREAMER, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(" ".join((url, *LOGIN)).encode()), 30)
    assert process.returncode == 0, errors.decode()
