"""The entries of an inventory: what may stand in each, with its limits and the descriptions of the API.

Plain values come in; validated entries come out, or pydantic's ValidationError. Rules that concern several entries are
in cameras.registry.inventory.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from cameras.onvif.addresses import address_of
from cameras.records import LegalClass
from cameras.registry.geometry import area_km2
from cameras.states import StreamKind

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Point = tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]]

Share = Annotated[float, Field(ge=0, le=1)]
PictureArea = tuple[Share, Share, Share, Share]
Fraction = tuple[Share, Share]


def _subnet(text: str) -> str:
    ipaddress.ip_network(text)
    return text


_SPAN = r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Funding(Strict):
    source: str = Field(description="Who gave it: village committee, enterprise, town government")
    amount: float = Field(ge=0, description="Yuan")
    received: date | None = Field(None, description="Date received")
    purpose: str = ""


class VillageEntry(Strict):
    code: Identifier
    name: str = Field(min_length=1, max_length=60)
    boundary: list[Point] = Field(default_factory=list, description="Polygon, longitude and latitude (WGS 84)")
    area_km2: float | None = Field(None, gt=0, description="Official area; else computed from the boundary")
    population: int | None = Field(None, ge=0)
    subnets: list[Annotated[str, AfterValidator(_subnet)]] = Field(default_factory=list)
    funding: list[Funding] = Field(default_factory=list)
    quota_bytes: int | None = Field(
        None, gt=0, description="Maximum size of its recordings; the oldest are deleted first"
    )
    own_account: bool = Field(
        False, description="Its cameras get an account of the station's own before their first use"
    )

    @field_validator("boundary")
    @classmethod
    def _is_polygon(cls, points: list[Point]) -> list[Point]:
        if not points:
            return points
        if len(points) < 3:
            raise ValueError(f"a boundary needs at least 3 points, this one has {len(points)}")
        # imported here: with numpy it takes 25 MB, and recorders read inventories too
        from shapely.geometry import Polygon

        if not Polygon(points).is_valid:
            raise ValueError("the boundary crosses itself; list its corners in order, going round once")
        return points

    @property
    def area(self) -> float | None:
        """Area in square kilometres, stated or computed from the boundary; None if neither is known."""
        return self.area_km2 or (area_km2(self.boundary) if self.boundary else None)


class StreamEntry(Strict):
    url: str | None = Field(None, description="rtsp://host[:port]/path without credentials; else from ONVIF")
    engine: Literal["auto", "native", "ffmpeg"] | None = None
    record: bool = True
    schedule: str = Field("", description="Empty: always; hours like 07:00-19:00,22:00-02:00; or 'event'")
    audio: bool = Field(False, description="Record sound as well; only where the law allows it")

    @field_validator("schedule")
    @classmethod
    def _is_schedule(cls, text: str) -> str:
        if text not in ("", "event") and not re.fullmatch(rf"{_SPAN}(,{_SPAN})*", text):
            raise ValueError("a schedule is empty, 'event', or hours like 07:00-19:00,22:00-02:00")
        return text

    @field_validator("url")
    @classmethod
    def _plain_rtsp(cls, url: str | None) -> str | None:
        if url is None:
            return url
        if not re.match(r"rtsps?://[^\s]+$", url):
            raise ValueError("a stream address begins with rtsp:// or rtsps://")
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as e:
            raise ValueError(f"invalid address: {e}") from e
        if not host:
            raise ValueError("a stream address names its host: rtsp://host[:port]/path")
        if "@" in url.split("//", 1)[1].split("/", 1)[0]:
            raise ValueError("remove user and password from the address; name a credential instead")
        return url


class Streams(Strict):
    main: StreamEntry = StreamEntry()
    sub: StreamEntry | None = None

    def of(self, kind: StreamKind) -> StreamEntry | None:
        return self.main if kind is StreamKind.MAIN else self.sub


class EncoderPolicy(Strict):
    codec: Literal["H264", "H265"] | None = None
    width: int | None = Field(None, ge=160, le=8192)
    height: int | None = Field(None, ge=90, le=8192)
    fps: float | None = Field(None, ge=1, le=60)
    bitrate: int | None = Field(None, ge=64_000, le=50_000_000, description="Bits a second")
    gop_seconds: float | None = Field(None, ge=0.5, le=10, description="Seconds between two keyframes")


class PolicyEntry(Strict):
    """Required settings for the cameras of a class. Omitted settings are not changed."""

    name: Identifier
    enforce: bool = Field(True, description="False: differences are reported, nothing is written")
    ntp: str | None = Field(None, description="Address of the time server, the station's own")
    discoverable: bool | None = None
    shut: list[Literal["HTTP", "HTTPS", "RTSP", "TELNET", "FTP", "SSH", "UPNP"]] = Field(default_factory=list)
    name_in_picture: bool = False
    time_in_picture: bool = False
    main: EncoderPolicy | None = None
    sub: EncoderPolicy | None = None
    account_days: int | None = Field(
        None, ge=1, le=400, description="An account of our own, with a new password after so many days"
    )

    def encoder(self, kind: StreamKind) -> EncoderPolicy | None:
        return self.main if kind is StreamKind.MAIN else self.sub


class CameraEntry(Strict):
    id: Identifier
    name: str = Field(min_length=1, max_length=80)
    village: Identifier
    address: str | None = Field(
        None,
        max_length=120,
        description="Host or host:port of the ONVIF service; its URL where its path is not the usual one",
    )
    credential: Identifier | None = Field(None, description="Name of the credential in the vault")
    allow_clear_password: bool = Field(
        False,
        description="The password may be sent to its RTSP server in plain text (Basic, or in addresses) "
        "if the server supports nothing better",
    )
    own_account: bool | None = Field(
        None, description="It gets an account of the station's own before its first use; else as its village says"
    )
    position: Point | None = Field(None, description="Longitude and latitude (WGS 84)")
    height_m: float | None = Field(None, ge=0, le=200)
    azimuth: float | None = Field(None, ge=0, lt=360, description="Degrees clockwise from north")
    field_of_view: float | None = Field(None, gt=0, le=360, description="Degrees")
    range_m: float | None = Field(None, gt=0, le=5000)
    owner_kind: Literal["village", "government", "enterprise"] = "village"
    sponsor: str | None = None
    cost: float | None = Field(None, ge=0, description="Yuan, all in")
    installed: date | None = None
    purpose: str = ""
    number: str = Field("", max_length=20, description="Number on its sign and in the town's lists")
    site: str = Field("", max_length=120, description="Where it hangs, in words: pole 7 at the bridge")
    switch: str = Field(
        "",
        max_length=60,
        description="Network switch to which it is connected; cameras that fail together are one fault",
    )
    expected_make: str = Field("", max_length=60, description="Manufacturer or model that was ordered")
    legal_class: LegalClass | None = Field(
        None, description="Class of Decree 799: main roads 7.1, operated places 7.2, other public places 9"
    )
    manager_unit: str = Field("", max_length=80, description="Unit that answers for it")
    responsible: str = Field("", max_length=40, description="Person who answers for it")
    maintainer: str = Field("", max_length=80, description="Maintenance contractor")
    contract: str = Field("", max_length=80, description="Number of the contract")
    contract_until: date | None = None
    warranty_until: date | None = None
    filing_no: str = Field("", max_length=80, description="Number of the filing with the county (article 14)")
    filing_date: date | None = None
    in_use_since: date | None = None
    policy: Identifier | None = Field(None, description="Name of the policy by which it is set")
    masks: list[Annotated[list[Fraction], Field(min_length=3, max_length=16)]] = Field(
        default_factory=list,
        description="Privacy masks in the camera: polygons in fractions of the picture, from its upper left corner",
    )
    marks: dict[Literal["time", "name"], PictureArea] = Field(
        default_factory=dict,
        description="Position of the burnt-in time and name: "
        "x, y, width, height as fractions of the picture, with a small margin",
    )
    retention_days: float | None = Field(
        None, ge=1, le=3650, description="Days that the main stream is kept; else the station's"
    )
    streams: Streams = Streams()

    @field_validator("address")
    @classmethod
    def _host(cls, address: str | None) -> str | None:
        if address is None:
            return None
        try:
            address_of(address)
        except ValueError as e:
            raise ValueError(f"'{address}' is not an address: write host, host:port or http://host:port/path") from e
        return address


class CredentialEntry(Strict):
    name: Identifier
    username: str = Field(min_length=1, max_length=60)


class Inventory(Strict):
    town: str = Field(min_length=1)
    credentials: list[CredentialEntry] = Field(default_factory=list)
    policies: list[PolicyEntry] = Field(default_factory=list)
    villages: list[VillageEntry] = Field(default_factory=list)
    cameras: list[CameraEntry] = Field(default_factory=list)
