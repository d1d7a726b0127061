"""Read a camera's streams from its media services: media1 (ver10) and media2 (ver20).

media1 cannot express H.265 and omits the encoder where H.265 is used; media2 is missing or broken on older makes. Both
are read and merged by profile token.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from xml.sax.saxutils import escape

from cameras.onvif import encoder_settings
from cameras.onvif.addresses import MAX_URL_CHARS, login_from_url, repair_rtsp, repair_snapshot, replace_own_password
from cameras.onvif.client import SoapClient
from cameras.onvif.encoder_settings import EncoderSettings
from cameras.onvif.namespaces import MEDIA, MEDIA2, SCHEMA
from cameras.onvif.soap import Node
from core.errors import ProtocolError

MAX_TOKEN_CHARS = 200  # characters; ONVIF allows 64
MAX_PROFILES = 64  # recorders report three for each of 12 or 16 channels


@dataclass(frozen=True, slots=True)
class Profile:
    """A media profile with its configured values; rates in frames and bits per second, `gop` in pictures."""

    token: str
    name: str
    codec: str | None
    width: int | None
    height: int | None
    fps: float | None
    bitrate: int | None
    stream_url: str | None = None
    snapshot_url: str | None = None
    gop: int | None = None
    encoder: str | None = None  # token of its video encoder configuration
    source: str | None = None  # token of its video source
    source_configuration: str | None = None  # token of the video source configuration, needed to place OSD texts
    ptz: str | None = None  # token of its PTZ configuration

    @property
    def complete(self) -> bool:
        """Whether codec, width and stream address are known."""
        return None not in (self.codec, self.width, self.stream_url)


@dataclass(slots=True)
class MediaContext:
    """What the media readers need beside the service's address."""

    device_url: str
    rtsp_port: int | None = None
    snapshots: bool = True
    embedded_login: tuple[str, str] | None = None
    login: tuple[str, str] | None = None  # the login that we use for the camera
    notes: list[str] = field(default_factory=list)  # reported values that were ignored

    def storable_address(self, address: str, profile: Profile) -> str | None:
        """Return the address without our own password; for one longer than MAX_URL_CHARS return None and add a note."""
        address = replace_own_password(address, self.login)
        if len(address) <= MAX_URL_CHARS:
            return address
        self.notes.append(
            f"profile {profile.token[:40]}: address of {len(address)} characters ignored (limit {MAX_URL_CHARS})"
        )
        return None


async def media1_profiles(client: SoapClient, context: MediaContext, url: str) -> list[Profile]:
    """Return the profiles of media1. Raises CameraError."""
    reply = await client.call(url, f'<GetProfiles xmlns="{MEDIA}"/>')
    setup = (
        f'<StreamSetup><Stream xmlns="{SCHEMA}">RTP-Unicast</Stream>'
        f'<Transport xmlns="{SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
    )
    return [
        await _with_addresses(
            client, url, MEDIA, _profile(n, n.get("VideoEncoderConfiguration"), "{}Configuration"), context, setup
        )
        for n in _valid_profiles(reply)
    ]


async def media2_profiles(client: SoapClient, context: MediaContext, url: str) -> list[Profile]:
    """Return the profiles of media2. Raises CameraError."""
    try:
        reply = await client.call(url, f'<GetProfiles xmlns="{MEDIA2}"><Type>All</Type></GetProfiles>')
    except ProtocolError:  # some cameras do not support the Type element
        reply = await client.call(url, f'<GetProfiles xmlns="{MEDIA2}"/>')
    return [
        await _with_addresses(
            client, url, MEDIA2, _profile(n, n.get("Configurations/VideoEncoder"), "Configurations/{}"), context,
            "<Protocol>RtspUnicast</Protocol>",
        )
        for n in _valid_profiles(reply)
    ]  # fmt: skip


def _valid_profiles(reply: Node) -> list[Node]:
    """Return the profiles that have a token, each once, at most MAX_PROFILES."""
    found: dict[str, Node] = {}
    for node in reply.all("Profiles"):
        token = node.attribute("token")
        if token and len(token) <= MAX_TOKEN_CHARS:
            found.setdefault(token, node)
    return list(found.values())[:MAX_PROFILES]


def _profile(node: Node, encoder: Node | None, place: str) -> Profile:
    token = node.attribute("token") or ""
    source, ptz = node.get(place.format("VideoSource")), node.get(place.format("PTZ"))
    settings = encoder_settings.read(encoder) if encoder is not None else EncoderSettings()
    return Profile(
        token=token,
        name=node.display_text("Name") or token[:80],
        codec=settings.codec,
        width=settings.width,
        height=settings.height,
        fps=settings.fps,
        bitrate=settings.bitrate,
        gop=settings.gop,
        encoder=encoder.attribute("token") if encoder else None,
        source=source.text("SourceToken") if source else None,
        source_configuration=source.attribute("token") if source else None,
        ptz=ptz.attribute("token") if ptz else None,
    )


async def _with_addresses(
    client: SoapClient, url: str, service: str, profile: Profile, context: MediaContext, how: str
) -> Profile:
    token = f"<ProfileToken>{escape(profile.token)}</ProfileToken>"
    stream = await _uri(client, url, f'<GetStreamUri xmlns="{service}">{how}{token}</GetStreamUri>')
    snapshot = None
    if stream is not None:
        context.embedded_login = context.embedded_login or login_from_url(stream)
    if context.snapshots:
        snapshot = await _uri(client, url, f'<GetSnapshotUri xmlns="{service}">{token}</GetSnapshotUri>')
    return replace(
        profile,
        stream_url=context.storable_address(repair_rtsp(stream, context.device_url, context.rtsp_port), profile)
        if stream
        else None,
        snapshot_url=context.storable_address(repair_snapshot(snapshot, context.device_url), profile)
        if snapshot
        else None,
    )


async def _uri(client: SoapClient, url: str, body: str) -> str | None:
    """Request an address; return None if the camera has none (a profile without a stream, or no snapshots)."""
    try:
        reply = await client.call(url, body)
    except ProtocolError:
        return None
    return reply.text("MediaUri/Uri") or reply.text("Uri")


def merged(first: Profile, second: Profile) -> Profile:
    """Merge two profiles: values that the first lacks come from the second."""
    pairs = ((f.name, getattr(first, f.name), getattr(second, f.name)) for f in fields(Profile))
    return Profile(**{name: a if a is not None else b for name, a, b in pairs})
