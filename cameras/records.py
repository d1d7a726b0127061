"""Fields of the JSON columns of the cameras' tables.

The types state what this release writes. A row that another release or a person wrote may lack a field or contain
something else; loops over cameras isolate such rows (cameras.per_camera). JSON has no tuples: a Point or an Area is a
list of as many numbers once it has been read.
"""

from __future__ import annotations

from typing import Literal, Required, TypeAlias, TypedDict, get_args

Point = tuple[float, float]
Area = tuple[float, float, float, float]
LegalClass: TypeAlias = Literal["7.1", "7.2", "9", "non_public"]  # of Decree 799
LEGAL_CLASSES: tuple[LegalClass, ...] = get_args(LegalClass)


class FundingRecord(TypedDict, total=False):
    """Money raised by a village (inventory_entries.Funding)."""

    source: Required[str]
    amount: Required[float]  # yuan
    received: str | None  # date, ISO 8601
    purpose: str


class CameraProfile(TypedDict, total=False):
    """The fields of an inventory entry without a column of their own (inventory_entries.CameraEntry).

    A field that the entry does not set is absent. Dates are ISO 8601.
    """

    allow_clear_password: bool
    own_account: bool
    position: Point  # longitude, latitude (WGS 84)
    height_m: float
    azimuth: float  # degrees clockwise from north
    field_of_view: float  # degrees
    range_m: float
    owner_kind: str
    sponsor: str
    cost: float  # yuan
    installed: str
    purpose: str
    number: str
    site: str
    switch: str
    expected_make: str
    legal_class: str
    manager_unit: str
    responsible: str
    maintainer: str
    contract: str
    contract_until: str
    warranty_until: str
    filing_no: str
    filing_date: str
    in_use_since: str
    policy: str  # name of its policy
    masks: list[list[Point]]  # polygons in fractions of the picture
    marks: dict[str, Area]  # time, name: x, y, width, height in fractions of the picture
    retention_days: float


class DeviceRecord(TypedDict, total=False):
    """The identity and services that a camera reports over ONVIF (cameras.onboarding.onboarding)."""

    manufacturer: str
    model: str
    firmware: str
    serial: str
    hardware: str
    macs: list[str]  # lower case with colons
    services: dict[str, str]  # addresses by XML namespace
    protocols: dict[str, int]  # enabled network protocols and their ports
    ptz: str | None  # token of the media profile that can pan, tilt or zoom
    zone: str  # time zone in the camera's own spelling
    encoders: dict[str, str]  # tokens of the video encoder configurations by StreamKind
    source: str | None  # token of the video source configuration, needed to place OSD texts and masks
    notes: list[str]  # requests that failed and addresses that had to be replaced


class AcceptanceFacts(TypedDict, total=False):
    """What was checked before a camera is accepted (cameras.registry.acceptance). Pictures are names of files."""

    places: list[str] | None  # ProhibitedPlace
    masks: str | None  # MaskState
    picture: str  # picture of the field of view
    picture_sha256: str
    picture_by: str  # account that took it
    sign_photo: str
    sign_sha256: str
    checked_by: list[str]  # names typed before there were signatures


class SignedFacts(TypedDict):
    """The facts that a signature covers."""

    places: list[str] | None
    masks: str | None
    picture: str | None
    picture_sha256: str | None
    sign_photo: str | None
    sign_sha256: str | None
    legal_class: str | None
    responsible: str | None


class EncoderRules(TypedDict, total=False):
    """Required encoder settings (inventory_entries.EncoderPolicy)."""

    codec: str
    width: int
    height: int
    fps: float
    bitrate: int  # bits a second
    gop_seconds: float


class PolicyRules(TypedDict, total=False):
    """The rules of a policy without its defaults (inventory_entries.PolicyEntry)."""

    enforce: bool
    ntp: str
    discoverable: bool
    shut: list[str]
    name_in_picture: bool
    time_in_picture: bool
    main: EncoderRules
    sub: EncoderRules
    account_days: int


class WallCell(TypedDict, total=False):
    """What one cell of a saved wall view shows (cameras.registry.wall_views); without `show` it is empty."""

    show: str  # camera, tour, village, alerts
    camera: str
    cameras: list[str]  # of a tour, in order
    village: str
    seconds: float  # for which a tour or village shows each camera
