"""A virtual camera's identity, settings and quirks, which its services report and change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from cameras.virtual.access_control import AccessControl
from cameras.virtual.rtsp_server import Mount

# Quirks by family, from research on real makes; each was seen on a camera on the market.
QUIRKS = {
    "old_host": "reports addresses with a host that it had before",
    "dead_port": "reports its media service on a port on which nobody listens",
    "odd_path": "has its device service at /onvif/service",
    "rtsp_zero": "reports stream addresses with 0.0.0.0",
    "rtsp_port_80": "reports stream addresses with the port of its web page",
    "rtsp_two_ports": "reports stream addresses like host:80:554",
    "rtsp_password": "reports stream addresses with user and password",
    "rtsp_query_password": "reports stream addresses with user and password in the path",
    "bare_ampersand": "writes & unescaped in addresses",
    "relative_subscription": "reports the PullPoint's address without a host",
    "returns_at_once": "answers PullMessages without waiting",
    "one_slot": "allows one subscription at a time",
    "drops_pull": "closes the connection during a pull",
    "no_termination_time": "does not report when a subscription ends",
    "wrong_event_namespace": "sends notifications in another namespace",
    "few_services": "lists two of its services in GetServices",
    "no_get_services": "supports GetCapabilities only",
    "user_limit": "has no free account",
    "ignores_users": "answers CreateUsers with success and creates no account",
    "short_passwords": "accepts passwords of at most 12 letters and digits",
    "needs_sign": "accepts only passwords with a special character",
    "cuts_passwords": "stores the first 12 characters of a password without an error",
    "rtsp_own_users": "accepts only the factory's accounts on its RTSP server",
    "claims_events": "lists an event service that does not exist",
    "media2_only": "has no media1",
    "media1_without_encoder": "omits the encoder in media1 (H.265)",
    "media2_without_types": "fails in media2 on a Type",
    "ignores_sets": "answers every Set with success and changes nothing",
    "local_time_only": "reports no UTC time",
    "local_as_utc": "reports local time as UTC",
    "date_before_time": "sends the children of the time in another order",
    "year_1970": "lost its clock without power",
    "time_needs_login": "reports the time only with a login",
    "overflow_time": "reports 00:61:16",
    "odd_zone": "writes the time zone in a form that no standard knows",
    "refuses_zone": "accepts only its own time zone",
    "set_resets_zone": "resets the time zone when the time is set",
    "wsse_only": "offers no Digest",
    "digest_only": "does not accept WS-UsernameToken",
    "sha256": "uses Digest with SHA-256",
    "refuses_in_200": "refuses with HTTP 200",
    "refuses_in_400": "refuses with HTTP 400",
    "small_window": "accepts a WS-UsernameToken for 5 s",
    "short_nonce": "accepts a Digest nonce for three requests and does not report it as stale",
    "locks_out": "locks all accounts for 30 minutes after five wrong passwords",
    "open_access": "needs no login",
    "dashed_mac": "writes its MAC address with dashes",
    "no_mac": "reports no MAC address",
    "clone": "shares UUID and serial number with others of its batch",
    "reordered": "sends children in another order",
    "unknown_elements": "adds elements that no schema knows, first and in the middle",
    "wrong_namespace": "sends children in a namespace of the manufacturer",
    "undeclared_prefix": "uses a prefix that is not declared",
    "gbk": "writes GB 2312 without declaring it",
    "soap11": "uses SOAP 1.1",
    "bom": "sends a byte order mark and blank lines before the declaration",
    "multipart": "sends every answer as a part of a multipart message",
    "html_errors": "reports errors as HTML pages",
    "single_threaded": "cuts off a second request at the same time",
    "closes_silently": "closes a kept-alive connection without notice",
    "needs_action": "requires the action in Content-Type",
    "no_snapshot": "reports no snapshot address",
    "rounds": "rounds bit rate and keyframe distance, and enlarges a mask to its bounding rectangle",
    "no_masks": "offers media2 and applies no masks",
    "ignores_encoder": "accepts encoder settings and keeps its own",
    "restarts_stream": "interrupts the stream when its encoder is set",
}


@dataclass(slots=True)
class Encoder:
    """Settings of a video encoder; `bitrate` in kilobits per second, `gop` in pictures."""

    codec: str
    width: int
    height: int
    fps: int
    bitrate: int
    gop: int


@dataclass(slots=True)
class Ptz:
    """Position of a dome: pan and tilt in degrees, zoom as a factor."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 1.0
    speed: tuple[float, float, float] = (0.0, 0.0, 0.0)
    moved_at: float = 0.0  # start of the movement with that speed
    stops_at: float = 0.0
    presets: dict[str, tuple[str, float, float, float]] = field(default_factory=dict)
    home: tuple[float, float, float] = (0.0, 0.0, 1.0)


@dataclass(slots=True)
class Device:
    """Identity, streams and settings of one virtual camera."""

    name: str
    serial: str
    host: str
    http_port: int
    rtsp_port: int
    mounts: dict[str, Mount]  # by profile token: 'main', 'sub'
    sizes: dict[str, tuple[int, int]]
    login: tuple[str, str] | None = None
    manufacturer: str = "Minwang"
    model: str = "Virtual-1"
    firmware: str = "1.0"
    card: bool = True  # has a card and offers Profile G
    dome: bool = False  # pans, tilts and zooms
    quirks: frozenset[str] = frozenset()
    faults: set[str] = field(default_factory=set)
    clock_shift: float = 0.0  # its clock minus the true time, seconds; 'clock_wrong' is added to it
    zone: str = "CST-8"
    clock_kind: str = "Manual"
    ntp: list[str] = field(default_factory=list)
    hostname: str = "ipc"
    discoverable: bool = True
    protocols: dict[str, tuple[bool, int]] = field(default_factory=dict)
    encoders: dict[str, Encoder] = field(default_factory=dict)
    masks: dict[str, str] = field(default_factory=dict)  # polygon points as they were written, by token
    osd: dict[str, str] = field(default_factory=dict)  # OSD text by token; 'time' shows the time
    ptz: Ptz = field(default_factory=Ptz)
    keyframe_requests: list[str] = field(default_factory=list)  # profile tokens for which a keyframe was requested
    access_control: AccessControl = field(init=False)

    def __post_init__(self) -> None:
        unknown = self.quirks - set(QUIRKS)
        assert not unknown, unknown
        if "year_1970" in self.quirks:
            self.clock_shift = -56 * 365.25 * 86400
        if "odd_zone" in self.quirks:
            self.zone = "MoroccoStandardTime0"
        self.access_control = AccessControl(self.login, self.quirks)
        for mount in self.mounts.values():
            if mount.login is not None:
                own = "rtsp_own_users" in self.quirks
                mount.access_control = AccessControl(self.login, self.quirks) if own else self.access_control
        self.protocols = self.protocols or {
            "HTTP": (True, self.http_port or 80),
            "RTSP": (True, self.rtsp_port),
            "TELNET": (False, 23),
        }
        for token, mount in self.mounts.items():
            clip = mount.clips["healthy"]
            kilobits = round(clip.offsets[-1] * 8 / (clip.frames / clip.fps) / 1000)
            gop = clip.keyframes[1] if len(clip.keyframes) > 1 else clip.frames
            self.encoders.setdefault(
                token, Encoder(clip.codec.upper(), *self.sizes[token], round(clip.fps), kilobits, gop)
            )

    @property
    def uuid(self) -> str:
        return f"4d574e47-0000-4000-8000-{int(self.announced_serial, 16):012x}"

    @property
    def announced_serial(self) -> str:
        return "0c10e5" if "clone" in self.quirks else self.serial

    @property
    def mac(self) -> str:
        """Locally administered MAC address, derived from the serial number."""
        digits = f"02{int(self.serial, 16) & 0xFFFFFFFFFF:010x}"
        return ("-" if "dashed_mac" in self.quirks else ":").join(digits[i : i + 2] for i in range(0, 12, 2))

    @property
    def announced_host(self) -> str:
        return "192.168.1.88" if "old_host" in self.quirks else self.host

    @property
    def service(self) -> str:
        """Address of the device service as announced by discovery."""
        path = "service" if "odd_path" in self.quirks else "device_service"
        return f"http://{self.host}:{self.http_port}/onvif/{path}"

    def address_of(self, service: str) -> str:
        port = 9 if "dead_port" in self.quirks and service.startswith("media") else self.http_port
        return f"http://{self.announced_host}:{port}/onvif/{service}"

    def switch(self, fault: str, on: bool) -> None:
        for faults in (self.faults, *(m.faults for m in self.mounts.values())):
            (faults.add if on else faults.discard)(fault)
        self.access_control.refusing = "wrong_password" in self.faults

    def now(self) -> datetime:
        """Return its clock as UTC."""
        wrong = next(iter(self.mounts.values())).clock_offset if self.mounts else 0.0
        return datetime.now(timezone.utc) + timedelta(seconds=wrong + self.clock_shift)
