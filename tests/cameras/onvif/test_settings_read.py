"""Parsing of camera settings.

An empty reply proves nothing, a frame rate limit of 0 means no limit, and OSD types vary by make.
"""

from __future__ import annotations

import pytest

from cameras.onvif import media, soap
from cameras.onvif.encoder_settings import EncoderSettings
from cameras.onvif.namespaces import DEVICE, MEDIA, MEDIA2
from cameras.onvif.settings import CameraSettings
from cameras.onvif.soap import Node
from core.errors import ProtocolError


class Answering:
    """A client whose camera answers every request with the same body."""

    def __init__(self, body: str):
        self._reply = soap.parse(f"<Envelope><Body><R>{body}</R></Body></Envelope>".encode())

        self.sent: list[str] = []

    async def call(self, _url: str, body: str, **__: object) -> Node:
        self.sent.append(body)
        return self._reply


def settings(body: str, media: str = MEDIA) -> CameraSettings:
    return CameraSettings(Answering(body), {DEVICE: "http://10.0.0.5/d", media: "http://10.0.0.5/m"})  # type: ignore[arg-type]


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


@pytest.mark.parametrize("spelling", ["HEVC", "H.265", "h-265"])
async def test_h265_fits_its_policy_however_the_camera_writes_it(spelling: str) -> None:
    """A camera that reported HEVC used to differ from a policy of H265 for ever, and was written every day."""
    encoder = f"<Configurations token='e' GovLength='50'><Encoding>{spelling}</Encoding></Configurations>"
    camera = settings(encoder, MEDIA2)
    found = (await camera.encoders())["e"]
    assert (found.codec, found.gop) == ("H265", 50) and found.differs(EncoderSettings(codec="H265")) == []
    await camera.set_encoder("e", EncoderSettings(bitrate=1_000_000))
    written = camera._client.sent[-1]  # type: ignore[attr-defined]
    assert f">{spelling}</Encoding>" in written, "the camera is told its codec as it writes it itself"


async def test_the_keyframe_distance_of_h265_is_read_in_media1() -> None:
    encoder = (
        "<Configurations token='e'><Encoding>H265</Encoding><H265><GovLength>75</GovLength></H265></Configurations>"
    )
    assert (await settings(encoder).encoders())["e"].gop == 75
