"""Media services (ver10 and ver20) of a virtual camera: profiles, addresses, encoder settings, OSD texts, masks."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape, quoteattr

from cameras.onvif.namespaces import MEDIA2
from cameras.onvif.soap import Node
from cameras.virtual.device import Device, Encoder
from cameras.virtual.device_service import OperationRefused, Operations, offered

BITRATES_KBIT = (256, 512, 1024, 2048, 4096)  # kilobits per second, for cameras that round
GOP_PICTURES = (25, 50, 100)


class MediaService:
    """`restart(token)` interrupts the stream of a profile, as some cameras do when its encoder is configured."""

    def __init__(self, device: Device, restart: Callable[[str], None]):
        self.device = device
        self._restart = restart

    def operations(self, namespace: str) -> Operations:
        """Return the operations of media1 or media2."""
        new = namespace == MEDIA2
        if namespace not in offered(self.device):
            return {}
        methods: dict[str, Callable[[Node], str]] = {
            "GetProfiles": self._media2_profiles if new else self._media1_profiles,
            "GetStreamUri": self._uri_of("GetStreamUri", self._stream, new),
            "GetVideoEncoderConfigurations": lambda _: self._encoders(new),
            "GetVideoEncoderConfiguration": lambda _: self._encoders(new),
            "SetVideoEncoderConfiguration": self._set_encoder,
            "GetVideoEncoderConfigurationOptions": lambda _: self._options(new),
            "SetSynchronizationPoint": self._synchronize,
            "GetOSDs": self._osds, "SetOSD": self._set_osd, "CreateOSD": self._set_osd,
        }  # fmt: skip
        if new:
            methods |= {"GetMasks": self._masks, "CreateMask": self._create_mask, "DeleteMask": self._delete_mask}
        if "no_snapshot" not in self.device.quirks:
            methods["GetSnapshotUri"] = self._uri_of("GetSnapshotUri", self._snapshot, new)
        return {name: (namespace, method) for name, method in methods.items()}

    def _synchronize(self, request: Node) -> str:
        self.device.keyframe_requests.append(request.text("ProfileToken") or "")
        return "<t:SetSynchronizationPointResponse/>"

    def _media1_profiles(self, _: Node) -> str:
        inner = "".join(self._media1_profile(t) for t in self.device.mounts)
        return f"<t:GetProfilesResponse>{inner}</t:GetProfilesResponse>"

    def _media1_profile(self, token: str) -> str:
        width, height = self.device.sizes[token]
        encoder = (
            ""
            if "media1_without_encoder" in self.device.quirks
            else self._media1_encoder(token, "tt:VideoEncoderConfiguration")
        )
        return (
            f'<t:Profiles token="{token}" fixed="true"><tt:Name>{token}</tt:Name>'
            f'<tt:VideoSourceConfiguration token="vs"><tt:Name>vs</tt:Name><tt:UseCount>2</tt:UseCount>'
            f'<tt:SourceToken>source</tt:SourceToken><tt:Bounds x="0" y="0" width="{width}" height="{height}"/>'
            "</tt:VideoSourceConfiguration>"
            f"{encoder}{self._media1_ptz()}</t:Profiles>"
        )

    def _media1_ptz(self) -> str:
        if not self.device.dome:
            return ""
        return (
            '<tt:PTZConfiguration token="ptz"><tt:Name>ptz</tt:Name><tt:UseCount>2</tt:UseCount>'
            "<tt:NodeToken>node</tt:NodeToken></tt:PTZConfiguration>"
        )

    def _media1_encoder(self, token: str, tag: str) -> str:
        e = self.device.encoders[token]
        codec = e.codec if e.codec in ("H264", "JPEG") else "H264"  # ver10 cannot express H.265
        return (
            f'<{tag} token="ve-{token}"><tt:Name>{token}</tt:Name><tt:UseCount>1</tt:UseCount>'
            f"<tt:Encoding>{codec}</tt:Encoding>"
            f"<tt:Resolution><tt:Width>{e.width}</tt:Width><tt:Height>{e.height}</tt:Height></tt:Resolution>"
            f"<tt:Quality>4</tt:Quality><tt:RateControl><tt:FrameRateLimit>{e.fps}</tt:FrameRateLimit>"
            "<tt:EncodingInterval>1</tt:EncodingInterval>"
            f"<tt:BitrateLimit>{e.bitrate}</tt:BitrateLimit></tt:RateControl>"
            f"<tt:H264><tt:GovLength>{e.gop}</tt:GovLength><tt:H264Profile>Main</tt:H264Profile></tt:H264>"
            "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>224.1.0.0</tt:IPv4Address></tt:Address>"
            "<tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
            f"<tt:SessionTimeout>PT60S</tt:SessionTimeout></{tag}>"
        )

    def _media2_profiles(self, operation: Node) -> str:
        if operation.get("Type") is not None and "media2_without_types" in self.device.quirks:
            raise OperationRefused("ter:InvalidArgVal")
        inner = (self._media2_profile(t, operation.get("Type") is not None) for t in self.device.mounts)
        return f"<t:GetProfilesResponse>{''.join(inner)}</t:GetProfilesResponse>"

    def _media2_profile(self, token: str, full: bool) -> str:
        inner = ""
        if full:
            source = (
                '<t:VideoSource token="vs"><tt:Name>vs</tt:Name><tt:UseCount>2</tt:UseCount>'
                "<tt:SourceToken>source</tt:SourceToken></t:VideoSource>"
            )
            ptz = '<t:PTZ token="ptz"><tt:Name>ptz</tt:Name></t:PTZ>' if self.device.dome else ""
            inner = f"<t:Configurations>{source}{self._media2_encoder(token, 't:VideoEncoder')}{ptz}</t:Configurations>"
        return f'<t:Profiles token="{token}" fixed="true"><t:Name>{token}</t:Name>{inner}</t:Profiles>'

    def _media2_encoder(self, token: str, tag: str) -> str:
        e = self.device.encoders[token]
        return (
            f'<{tag} token="ve-{token}" GovLength="{e.gop}" Profile="Main"><tt:Name>{token}</tt:Name>'
            f"<tt:UseCount>1</tt:UseCount><tt:Encoding>{e.codec}</tt:Encoding>"
            f"<tt:Resolution><tt:Width>{e.width}</tt:Width><tt:Height>{e.height}</tt:Height></tt:Resolution>"
            f'<tt:RateControl ConstantBitRate="false"><tt:FrameRateLimit>{e.fps}</tt:FrameRateLimit>'
            f"<tt:BitrateLimit>{e.bitrate}</tt:BitrateLimit></tt:RateControl><tt:Quality>4</tt:Quality></{tag}>"
        )

    def _encoders(self, new: bool) -> str:
        write = self._media2_encoder if new else self._media1_encoder
        inner = "".join(write(t, "t:Configurations") for t in self.device.encoders)
        return f"<t:GetVideoEncoderConfigurationsResponse>{inner}</t:GetVideoEncoderConfigurationsResponse>"

    def _options(self, new: bool) -> str:
        sizes = "".join(
            f"<tt:ResolutionsAvailable><tt:Width>{w}</tt:Width><tt:Height>{h}</tt:Height></tt:ResolutionsAvailable>"
            for w, h in self.device.sizes.values()
        )
        rates = (
            "<tt:GovLengthRange><tt:Min>1</tt:Min><tt:Max>200</tt:Max></tt:GovLengthRange>"
            "<tt:FrameRateRange><tt:Min>1</tt:Min><tt:Max>25</tt:Max></tt:FrameRateRange>"
            "<tt:EncodingIntervalRange><tt:Min>1</tt:Min><tt:Max>1</tt:Max></tt:EncodingIntervalRange>"
            "<tt:H264ProfilesSupported>Main</tt:H264ProfilesSupported>"
        )
        if not new:
            inner = (
                "<tt:QualityRange><tt:Min>1</tt:Min><tt:Max>6</tt:Max></tt:QualityRange>"
                f"<tt:H264>{sizes}{rates}</tt:H264>"
            )
            return (
                f"<t:GetVideoEncoderConfigurationOptionsResponse><t:Options>{inner}</t:Options>"
                "</t:GetVideoEncoderConfigurationOptionsResponse>"
            )
        inner = "".join(
            '<t:Options GovLengthRange="1 200" FrameRatesSupported="5 10 15 20 25" ProfilesSupported="Main">'
            f"<tt:Encoding>{codec}</tt:Encoding>"
            f"<tt:QualityRange><tt:Min>1</tt:Min><tt:Max>6</tt:Max></tt:QualityRange>{sizes}"
            "<tt:BitrateRange><tt:Min>64</tt:Min><tt:Max>8192</tt:Max></tt:BitrateRange></t:Options>"
            for codec in ("H264", "H265")
        )
        return f"<t:GetVideoEncoderConfigurationOptionsResponse>{inner}</t:GetVideoEncoderConfigurationOptionsResponse>"

    def _set_encoder(self, operation: Node) -> str:
        node = operation.get("Configuration")
        token = (node.attribute("token") or "").removeprefix("ve-") if node else ""
        known = self.device.encoders.get(token)
        if node is None or known is None:
            raise OperationRefused("ter:NoConfig")
        number = {p: int(n) for p in _ENCODER_PATHS if (n := node.number(p)) is not None}
        gop = node.attribute("GovLength")
        wanted = Encoder(
            node.text("Encoding") or known.codec, number.get("Resolution/Width", known.width),
            number.get("Resolution/Height", known.height), number.get("RateControl/FrameRateLimit", known.fps),
            number.get("RateControl/BitrateLimit", known.bitrate),
            int(gop) if gop and gop.isdigit() else number.get("H264/GovLength", known.gop),
        )  # fmt: skip
        if (wanted.width, wanted.height) not in self.device.sizes.values():
            raise OperationRefused("ter:ConfigModify")
        if "rounds" in self.device.quirks:
            wanted.bitrate = min(BITRATES_KBIT, key=lambda r: abs(r - wanted.bitrate))
            wanted.gop = min(GOP_PICTURES, key=lambda g: abs(g - wanted.gop))
        if "ignores_encoder" not in self.device.quirks:
            self.device.encoders[token] = wanted
            if "restarts_stream" in self.device.quirks:
                self._restart(token)
        return "<t:SetVideoEncoderConfigurationResponse/>"

    def _uri_of(self, operation: str, address: Callable[[str], str], new: bool) -> Callable[[Node], str]:
        def answer(asked: Node) -> str:
            token = asked.text("ProfileToken") or next(iter(self.device.mounts))
            if token not in self.device.mounts:
                raise OperationRefused("ter:NoProfile")
            uri = escape(address(token))
            if new:
                return f"<t:{operation}Response><t:Uri>{uri}</t:Uri></t:{operation}Response>"
            return (
                f"<t:{operation}Response><t:MediaUri><tt:Uri>{uri}</tt:Uri>"
                "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
                "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></t:MediaUri>"
                f"</t:{operation}Response>"
            )

        return answer

    def _stream(self, token: str) -> str:
        d, path = self.device, self.device.mounts[token].path
        user, password = d.login or ("admin", "12345")
        if "rtsp_two_ports" in d.quirks:
            return f"rtsp://{d.announced_host}:{d.http_port}:{d.rtsp_port}{path}"
        if "rtsp_port_80" in d.quirks:
            return f"rtsp://{d.announced_host}:80{path}"
        if "rtsp_password" in d.quirks:
            return f"rtsp://{user}:{password}@{d.announced_host}:{d.rtsp_port}{path}"
        if "rtsp_query_password" in d.quirks:
            return f"rtsp://{d.announced_host}:{d.rtsp_port}{path}?user={user}_password={password}_channel=1"
        if "bare_ampersand" in d.quirks:
            return f"rtsp://{d.announced_host}:{d.rtsp_port}{path}?channel=1&onvif=true&unicast"
        host = "0.0.0.0" if "rtsp_zero" in d.quirks or not d.quirks else d.announced_host
        return f"rtsp://{host}:{d.rtsp_port}{path}"

    def _snapshot(self, token: str) -> str:
        return self.device.address_of("").replace("/onvif/", f"/snapshot.jpg?channel={token}")

    def _masks(self, _: Node) -> str:
        inner = "".join(
            f'<t:Masks token="{token}"><t:ConfigurationToken>vs</t:ConfigurationToken><t:Polygon>{corners}</t:Polygon>'
            "<t:Type>Color</t:Type><t:Enabled>true</t:Enabled></t:Masks>"
            for token, corners in self.device.masks.items()
        )
        return f"<t:GetMasksResponse>{inner}</t:GetMasksResponse>"

    def _create_mask(self, operation: Node) -> str:
        if "no_masks" in self.device.quirks:
            raise OperationRefused("ter:ActionNotSupported")
        points = [
            (float(p.attribute("x") or 0), float(p.attribute("y") or 0)) for p in operation.all("Mask/Polygon/Point")
        ]
        if "rounds" in self.device.quirks:  # to the bounding rectangle, as cheap encoders do
            xs, ys = [x for x, _ in points], [y for _, y in points]
            points = [(min(xs), min(ys)), (max(xs), min(ys)), (max(xs), max(ys)), (min(xs), max(ys))]
        token = f"mask-{1 + max((int(t.removeprefix('mask-')) for t in self.device.masks), default=0)}"
        self.device.masks[token] = "".join(f'<tt:Point x="{x:g}" y="{y:g}"/>' for x, y in points)
        return f"<t:CreateMaskResponse><t:Token>{token}</t:Token></t:CreateMaskResponse>"

    def _delete_mask(self, operation: Node) -> str:
        if self.device.masks.pop(operation.text("Token") or "", None) is None:
            raise OperationRefused("ter:NoConfig")
        return "<t:DeleteMaskResponse/>"

    def _osds(self, _: Node) -> str:
        inner = "".join(
            f"<t:OSDs token={quoteattr(token)}>"
            "<tt:VideoSourceConfigurationToken>vs</tt:VideoSourceConfigurationToken><tt:Type>Text</tt:Type>"
            "<tt:Position><tt:Type>UpperLeft</tt:Type></tt:Position><tt:TextString>"
            + (
                "<tt:Type>DateAndTime</tt:Type>"
                if token == "time"
                else f"<tt:Type>Plain</tt:Type><tt:PlainText>{escape(text)}</tt:PlainText>"
            )
            + "</tt:TextString></t:OSDs>"
            for token, text in self.device.osd.items()
        )
        return f"<t:GetOSDsResponse>{inner}</t:GetOSDsResponse>"

    def _set_osd(self, operation: Node) -> str:
        node = operation.get("OSD")
        if node is None:
            raise OperationRefused("ter:InvalidArgVal")
        kind = node.text("TextString/Type")
        token = "time" if kind == "DateAndTime" else node.attribute("token") or "name"
        self.device.osd[token] = node.text("TextString/PlainText") or ""
        return (
            f"<t:CreateOSDResponse><t:OSDToken>{token}</t:OSDToken></t:CreateOSDResponse>"
            if operation.name == "CreateOSD"
            else "<t:SetOSDResponse/>"
        )


_ENCODER_PATHS = (
    "Resolution/Width", "Resolution/Height", "RateControl/FrameRateLimit", "RateControl/BitrateLimit", "H264/GovLength",
)  # fmt: skip
