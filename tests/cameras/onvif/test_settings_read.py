"""Parsing of camera settings.

An empty reply proves nothing, a frame rate limit of 0 means no limit, and OSD types vary by make.
"""

from __future__ import annotations

import pytest

from cameras.onvif import media, soap
from cameras.onvif.namespaces import DEVICE, MEDIA
from cameras.onvif.settings import CameraSettings
from cameras.onvif.soap import Node
from core.errors import ProtocolError


class Answering:
    """A client whose camera answers every request with the same body."""

    def __init__(self, body: str):
        self._reply = soap.parse(f"<Envelope><Body><R>{body}</R></Body></Envelope>".encode())

    async def call(self, *_: object, **__: object) -> Node:
        return self._reply


def settings(body: str) -> CameraSettings:
    return CameraSettings(Answering(body), {DEVICE: "http://10.0.0.5/d", MEDIA: "http://10.0.0.5/m"})  # type: ignore[arg-type]


async def test_an_empty_list_of_protocols_says_nothing_of_what_is_shut() -> None:
    with pytest.raises(ProtocolError, match="no network protocols"):
        await settings("").enabled_protocols()
    told = "<NetworkProtocols><Name>HTTP</Name><Enabled>true</Enabled><Port>80</Port></NetworkProtocols>"
    assert await settings(told).enabled_protocols() == {"HTTP": 80}


@pytest.mark.parametrize("kind", ["DateAndTime", "Date", "Time", "DeviceNameDateTime"])
async def test_the_clock_in_the_picture_is_known_by_each_name(kind: str) -> None:
    plain = "<OSDs token='2'><TextString><Type>Plain</Type><PlainText>Gate</PlainText></TextString></OSDs>"
    osd = f"<OSDs token='1'><TextString><Type>{kind}</Type></TextString></OSDs>{plain}"
    assert await settings(osd).osd_texts() == {"1": "DateAndTime", "2": "Gate"}


def test_a_frame_rate_of_0_is_no_limit() -> None:
    limit = "<RateControl><FrameRateLimit>{}</FrameRateLimit></RateControl>"
    encoder = f"<VideoEncoderConfiguration><Encoding>H264</Encoding>{limit}</VideoEncoderConfiguration>"
    text = f"<Profiles token='p'>{encoder}</Profiles>"
    for told, fps in (("0", None), ("25", 25.0)):
        (node,) = soap.parse(f"<Envelope><Body><R>{text.format(told)}</R></Body></Envelope>".encode()).all("Profiles")
        assert media._profile(node, node.get("VideoEncoderConfiguration"), "{}Configuration").fps == fps
