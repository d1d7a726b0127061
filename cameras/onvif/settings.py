"""Read and write the camera settings that the station manages.

A success reply to a Set proves nothing: callers read the setting again, and that value counts. media1 and media2 write
encoders differently; the service that reported an encoder is also used to write it.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from cameras.onvif import encoder_settings, wsdl_requests
from cameras.onvif.client import SoapClient
from cameras.onvif.device import enabled_protocols
from cameras.onvif.encoder_settings import EncoderSettings, encoding_element
from cameras.onvif.namespaces import DEVICE, MEDIA, MEDIA2, SCHEMA
from cameras.onvif.soap import Node
from cameras.onvif.wsdl_requests import Argument
from core.error_codes import ErrorCode
from core.errors import NotFoundError, ProtocolError

Polygon = list[tuple[float, float]]


class CameraSettings:
    """The settings of one camera. `services` holds its service addresses by namespace."""

    def __init__(self, client: SoapClient, services: dict[str, str]):
        self._client = client
        self._services = services

    async def discoverable(self) -> bool:
        reply = await self._client.call(self._services[DEVICE], f'<GetDiscoveryMode xmlns="{DEVICE}"/>')
        return (reply.text("DiscoveryMode") or "") == "Discoverable"

    async def set_discoverable(self, on: bool) -> None:
        mode = "Discoverable" if on else "NonDiscoverable"
        body = f'<SetDiscoveryMode xmlns="{DEVICE}"><DiscoveryMode>{mode}</DiscoveryMode></SetDiscoveryMode>'
        await self._client.call(self._services[DEVICE], body)

    async def enabled_protocols(self) -> dict[str, int]:
        """Return the enabled network protocols and their ports. Raises ProtocolError if the camera reports none."""
        reply = await self._client.call(self._services[DEVICE], f'<GetNetworkProtocols xmlns="{DEVICE}"/>')
        if reply.get("NetworkProtocols") is None:
            raise ProtocolError("the camera reports no network protocols")
        return enabled_protocols(reply)

    async def disable_protocol(self, service: str, port: int) -> None:
        """Disable a network protocol. Raises as SoapClient.call."""
        await self._client.call(
            self._services[DEVICE],
            f'<SetNetworkProtocols xmlns="{DEVICE}"><NetworkProtocols><Name xmlns="{SCHEMA}">{escape(service)}</Name>'
            f'<Enabled xmlns="{SCHEMA}">false</Enabled><Port xmlns="{SCHEMA}">{port}</Port>'
            "</NetworkProtocols></SetNetworkProtocols>",
        )

    async def encoders(self) -> dict[str, EncoderSettings]:
        """Return encoder settings by configuration token. Raises ProtocolError if the camera reports none."""
        _, reply = await self._encoder_reply()
        return {token: encoder_settings.read(n) for n in reply.all("Configurations") if (token := n.attribute("token"))}

    async def set_encoder(self, token: str, wanted: EncoderSettings) -> None:
        """Write an encoder configuration. Raises NotFoundError for an unknown token, else as SoapClient.call."""
        service, reply = await self._encoder_reply()
        node = next((n for n in reply.all("Configurations") if n.attribute("token") == token), None)
        if node is None:
            raise NotFoundError(f"the camera has no encoder '{token}'", ErrorCode.CAMERA_ENCODER_NOT_FOUND)
        values = encoder_settings.read(node).merged_with(wanted)
        if service == MEDIA2:
            await self._client.call(self._services[MEDIA2], _media2_request(node, token, values))
        else:
            configuration = _media1_configuration(node, token, values)
            await wsdl_requests.call(
                self._client, self._services[MEDIA], MEDIA, "SetVideoEncoderConfiguration",
                Configuration=configuration, ForcePersistence=True,
            )  # fmt: skip

    async def _encoder_reply(self) -> tuple[str, Node]:
        problem: ProtocolError | None = None
        for service in (MEDIA2, MEDIA):
            if service not in self._services:
                continue
            try:
                reply = await self._client.call(
                    self._services[service], f'<GetVideoEncoderConfigurations xmlns="{service}"/>'
                )
            except ProtocolError as e:
                problem = e
                continue
            if reply.get("Configurations") is not None:
                return service, reply
        raise problem or ProtocolError("the camera reports no encoder settings")

    async def osd_texts(self) -> dict[str, str]:
        """Return OSD texts by token.

        'DateAndTime' stands for the clock, whatever its type on a make (Pelco: DeviceNameDateTime).
        """
        reply = await wsdl_requests.call(self._client, self._services[MEDIA], MEDIA, "GetOSDs")
        found: dict[str, str] = {}
        for node in reply.all("OSDs"):
            kind = node.text("TextString/Type") or ""
            text = node.text("TextString/PlainText") or ""
            found[node.attribute("token") or kind] = "DateAndTime" if "Date" in kind or "Time" in kind else text
        return found

    async def set_osd_text(self, source: str, text: str, token: str = "") -> None:
        """Write an OSD text at the upper left; 'DateAndTime' shows the clock at the upper right."""
        clock = text == "DateAndTime"
        osd: dict[str, Argument] = {
            "token": token,
            "VideoSourceConfigurationToken": source,
            "Type": "Text",
            "Position": {"Type": "UpperRight" if clock else "UpperLeft"},
            "TextString": {"Type": "DateAndTime", "DateFormat": "yyyy-MM-dd", "TimeFormat": "HH:mm:ss"}
            if clock
            else {"Type": "Plain", "PlainText": text},
        }
        operation = "SetOSD" if token else "CreateOSD"
        await wsdl_requests.call(self._client, self._services[MEDIA], MEDIA, operation, OSD=osd)

    async def masks(self, source: str) -> dict[str, Polygon]:
        """Return the privacy masks of a video source by token.

        Corners are fractions of the picture, from its upper left. Raises as SoapClient.call, and ProtocolError if the
        camera has no media2 service: media1 has no masks.
        """
        if MEDIA2 not in self._services:
            raise ProtocolError(
                "the camera has no media2 service; set privacy masks on the camera's own web page",
                ErrorCode.CAMERA_MASKS_UNSUPPORTED,
            )
        body = f'<GetMasks xmlns="{MEDIA2}"><ConfigurationToken>{escape(source)}</ConfigurationToken></GetMasks>'
        reply = await self._client.call(self._services[MEDIA2], body)
        found = {}
        for node in reply.all("Masks"):
            corners = [(p.attribute("x"), p.attribute("y")) for p in node.all("Polygon/Point")]
            if (token := node.attribute("token")) and (node.text("Enabled") or "true") in ("true", "1"):
                found[token] = [((float(x) + 1) / 2, (1 - float(y)) / 2) for x, y in corners if x and y]
        return found

    async def set_masks(self, source: str, wanted: Sequence[Polygon]) -> None:
        """Replace all masks of a source.

        New masks are created before the old ones are deleted: the picture is never unmasked.
        """
        old = list(await self.masks(source))
        for polygon in wanted:
            points = "".join(f'<Point xmlns="{SCHEMA}" x="{2 * x - 1:.4f}" y="{1 - 2 * y:.4f}"/>' for x, y in polygon)
            await self._client.call(
                self._services[MEDIA2],
                f'<CreateMask xmlns="{MEDIA2}"><Mask token=""><ConfigurationToken>{escape(source)}</ConfigurationToken>'
                f"<Polygon>{points}</Polygon><Type>Color</Type><Enabled>true</Enabled></Mask></CreateMask>",
            )
        for token in old:
            await self._client.call(
                self._services[MEDIA2], f'<DeleteMask xmlns="{MEDIA2}"><Token>{escape(token)}</Token></DeleteMask>'
            )


def _media1_configuration(node: Node, token: str, v: EncoderSettings) -> dict[str, Argument]:
    """Return media1's structure with all mandatory elements.

    Values that we do not manage stay as the camera reported them.
    """
    found: dict[str, Argument] = {
        "token": token,
        "Name": node.text("Name") or token,
        "UseCount": int(node.number("UseCount") or 1),
        "Encoding": encoding_element(node, v.codec),
        "Resolution": {"Width": v.width, "Height": v.height},
        "Quality": node.number("Quality") or 1.0,
        "RateControl": {
            "FrameRateLimit": round(v.fps or 25),
            "EncodingInterval": int(node.number("RateControl/EncodingInterval") or 1),
            "BitrateLimit": round((v.bitrate or 2_000_000) / 1000),
        },
        "Multicast": {
            "Address": {"Type": "IPv4", "IPv4Address": node.text("Multicast/Address/IPv4Address") or "0.0.0.0"},
            "Port": int(node.number("Multicast/Port") or 0),
            "TTL": int(node.number("Multicast/TTL") or 1),
            "AutoStart": False,
        },
        "SessionTimeout": node.text("SessionTimeout") or "PT60S",
    }
    if (v.codec or "H264") == "H264":
        found["H264"] = {"GovLength": v.gop or 50, "H264Profile": node.text("H264/H264Profile") or "Main"}
    return found


def _media2_request(node: Node, token: str, v: EncoderSettings) -> str:
    profile = node.attribute("Profile")
    attributes = f" GovLength={quoteattr(str(v.gop or 50))}" + (f" Profile={quoteattr(profile)}" if profile else "")
    return (
        f'<SetVideoEncoderConfiguration xmlns="{MEDIA2}"><Configuration token={quoteattr(token)}{attributes}>'
        f'<Name xmlns="{SCHEMA}">{escape(node.text("Name") or token)}</Name>'
        f'<UseCount xmlns="{SCHEMA}">{int(node.number("UseCount") or 1)}</UseCount>'
        f'<Encoding xmlns="{SCHEMA}">{escape(encoding_element(node, v.codec))}</Encoding>'
        f'<Resolution xmlns="{SCHEMA}"><Width>{v.width}</Width><Height>{v.height}</Height></Resolution>'
        f'<RateControl xmlns="{SCHEMA}" ConstantBitRate="false"><FrameRateLimit>{v.fps or 25:g}</FrameRateLimit>'
        f"<BitrateLimit>{round((v.bitrate or 2_000_000) / 1000)}</BitrateLimit></RateControl>"
        f'<Quality xmlns="{SCHEMA}">{node.number("Quality") or 1:g}</Quality>'
        "</Configuration></SetVideoEncoderConfiguration>"
    )
