"""Tables of the registry (一机一档): villages, cameras, their streams, and credentials by name."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cameras.records import (
    AcceptanceFacts,
    CameraProfile,
    DeviceRecord,
    FundingRecord,
    Point,
    PolicyRules,
    SignedFacts,
    WallCell,
)
from cameras.states import AccountState, AuthMode, FindingKind, MatchKind, QuirkOutcome, StreamKind, WallLayout
from core.database import Base, EnumText
from core.events import BigId

LEGAL_RETENTION_DAYS = 30.0  # days for which footage of public places must at least be kept (Decree 799; R-RET-1)


class Village(Base):
    __tablename__ = "village"
    __table_args__ = ({"comment": "Villages of the town"},)

    code: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Village code")
    name: Mapped[str] = mapped_column(String(60), comment="Name of the village")
    boundary: Mapped[list[Point]] = mapped_column(JSON, comment="Polygon [[lon, lat], …], WGS 84; may be empty")
    area_km2: Mapped[float | None] = mapped_column(comment="Stated, else computed from the boundary")
    population: Mapped[int | None] = mapped_column(comment="Inhabitants")
    subnets: Mapped[list[str]] = mapped_column(JSON, comment="CIDR blocks in which its cameras live")
    funding: Mapped[list[FundingRecord]] = mapped_column(
        JSON, comment="Money raised: source, amount (yuan), received, purpose"
    )
    quota_bytes: Mapped[int | None] = mapped_column(BigInteger, comment="Most that its recordings may take")
    own_account: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="Its cameras get an account of the station's own before their first use",
    )


class Credential(Base):
    __tablename__ = "credential"
    __table_args__ = ({"comment": "Camera accounts by name; the password sealed"},)

    name: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Name by which cameras refer to it")
    username: Mapped[str] = mapped_column(String(60), comment="Account on the camera")
    sealed: Mapped[str | None] = mapped_column(String(400), comment="AES-256-GCM, bound to 'credential:<name>'")


class Camera(Base):
    __tablename__ = "camera"
    __table_args__ = ({"comment": "One file a camera"},)

    id: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Primary key")
    name: Mapped[str] = mapped_column(String(80), comment="Name for persons")
    village: Mapped[str] = mapped_column(ForeignKey("village.code"), index=True, comment="Village code")
    address: Mapped[str | None] = mapped_column(
        String(120), comment="host[:port][/path] of the ONVIF service, or its URL"
    )
    credential: Mapped[str | None] = mapped_column(
        ForeignKey("credential.name"), comment="Name of the account used on the camera; null: none"
    )
    profile: Mapped[CameraProfile] = mapped_column(
        JSON, comment="Position, height, azimuth, cost … as in the inventory"
    )
    retired: Mapped[bool] = mapped_column(default=False, comment="No longer in the inventory; footage is kept")
    device: Mapped[DeviceRecord | None] = mapped_column(JSON, comment="ONVIF identity: maker, model, firmware, serial")
    clock_offset: Mapped[float | None] = mapped_column(comment="Camera clock minus ours, seconds")
    refused_at: Mapped[datetime | None] = mapped_column(comment="Credential refused; nobody tries until a person acts")
    seen_at: Mapped[datetime | None] = mapped_column(comment="Last ONVIF answer")
    endpoint: Mapped[str | None] = mapped_column(String(80), index=True, comment="UUID by which it answers discovery")
    auth_mode: Mapped[AuthMode | None] = mapped_column(
        EnumText(AuthMode, 8), comment="How it wants to be asked: none, digest, wsse"
    )
    rtsp_digest_at: Mapped[datetime | None] = mapped_column(
        comment="When its RTSP server first offered Digest: Basic is refused since; null: not yet"
    )
    account_state: Mapped[AccountState | None] = mapped_column(
        EnumText(AccountState, 8),
        comment="own: it has an account of the station's own; failed: it took none; null: not tried yet",
    )
    account_problem: Mapped[str | None] = mapped_column(String(200), comment="Why it took none; null: nothing is wrong")
    audited: Mapped[int] = mapped_column(default=0, server_default="0", comment="Maker's passwords tried on it so far")
    audited_at: Mapped[datetime | None] = mapped_column(comment="When the last of them was tried")
    certificate: Mapped[str | None] = mapped_column(String(64), comment="SHA-256 of the TLS certificate that it shows")
    problem: Mapped[str | None] = mapped_column(
        String(200), comment="Why it could not be asked last time; null: it could"
    )
    acceptance: Mapped[AcceptanceFacts | None] = mapped_column(
        JSON, comment="What was checked on the spot (R-MASK-2), by whom"
    )
    accepted_at: Mapped[datetime | None] = mapped_column(comment="Accepted by a person since then")
    streams: Mapped[list[Stream]] = relationship(lazy="selectin", cascade="all, delete-orphan", order_by="Stream.kind")


class Stream(Base):
    __tablename__ = "stream"
    __table_args__ = ({"comment": "RTSP streams of a camera: main and, where it has one, sub"},)

    id: Mapped[str] = mapped_column(String(50), primary_key=True, comment="<camera>/<kind>")
    camera: Mapped[str] = mapped_column(ForeignKey("camera.id", ondelete="CASCADE"), index=True, comment="Camera id")
    kind: Mapped[StreamKind] = mapped_column(EnumText(StreamKind, 8), comment="main or sub")
    url: Mapped[str | None] = mapped_column(String(400), comment="RTSP address without credentials")
    engine: Mapped[str | None] = mapped_column(String(10), comment="auto, native, ffmpeg; null: station default")
    record: Mapped[bool] = mapped_column(default=True, comment="Whether the stream is recorded")
    schedule: Mapped[str] = mapped_column(String(120), default="", comment="Empty: always; hours of the day; 'event'")
    audio: Mapped[bool] = mapped_column(default=False, comment="Sound is recorded too")
    from_inventory: Mapped[bool] = mapped_column(
        default=False, comment="Address given by hand, ONVIF does not change it"
    )
    snapshot_url: Mapped[str | None] = mapped_column(
        String(400), comment="Address of a still picture over HTTP; null: none known"
    )
    codec: Mapped[str | None] = mapped_column(String(10), comment="As ONVIF states it: H264, H265")
    width: Mapped[int | None] = mapped_column(comment="Width in pixels, as last learned")
    height: Mapped[int | None] = mapped_column(comment="Height in pixels, as last learned")
    fps: Mapped[float | None] = mapped_column(comment="Frames a second promised")
    bitrate: Mapped[int | None] = mapped_column(comment="Bits a second promised")


class CameraChange(Base):
    __tablename__ = "camera_change"
    __table_args__ = (Index(None, "camera", "id"), {"comment": "History of a camera's file; append-only"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    camera: Mapped[str] = mapped_column(String(40), comment="Camera id")
    at: Mapped[datetime] = mapped_column(comment="When it was changed (UTC)")
    actor: Mapped[str] = mapped_column(String(60), comment="Account name, or 'system'")
    field: Mapped[str] = mapped_column(String(60), comment="address, device.firmware, streams.main …")
    # JSON null stands for no value, so the columns have no NULL.
    old: Mapped[JsonValue] = mapped_column(JSON, nullable=False, comment="Value before; null where there was none")
    new: Mapped[JsonValue] = mapped_column(
        JSON, nullable=False, comment="Value after the change; null where it was removed"
    )


class Acceptance(Base):
    __tablename__ = "acceptance"
    __table_args__ = (
        CheckConstraint("confirmed_by IS NULL OR confirmed_by <> proposed_by", name="second_person"),
        Index(None, "camera", "id"),
        {"comment": "Acceptances of cameras: one person proposes, another confirms"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    camera: Mapped[str] = mapped_column(ForeignKey("camera.id", ondelete="CASCADE"), comment="Camera id")
    facts: Mapped[SignedFacts] = mapped_column(JSON, comment="What was checked, as it was signed")
    proposed_by: Mapped[str] = mapped_column(String(60), comment="Account that signed first")
    proposed_at: Mapped[datetime] = mapped_column(comment="When it was proposed (UTC)")
    confirmed_by: Mapped[str | None] = mapped_column(String(60), comment="Another account; null: not confirmed")
    confirmed_at: Mapped[datetime | None] = mapped_column(comment="When it was confirmed (UTC); null: waiting")


class Policy(Base):
    __tablename__ = "camera_policy"
    __table_args__ = ({"comment": "How the cameras of a class are to be set, as in the inventory"},)

    name: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Name of the class")
    rules: Mapped[PolicyRules] = mapped_column(JSON, comment="Required settings, by name")


class InventoryApplied(Base):
    __tablename__ = "inventory_applied"
    __table_args__ = ({"comment": "The inventory file as it was last applied: one row"},)

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    at: Mapped[datetime] = mapped_column(comment="When it was applied")
    actor: Mapped[str] = mapped_column(String(60), comment="Account name, 'command line' or 'station start'")
    file: Mapped[str] = mapped_column(String(400), comment="Path of the file")
    digest: Mapped[str] = mapped_column(
        String(64), comment="SHA-256 of what it says (cameras.registry.registry.digest)"
    )
    content: Mapped[dict[str, JsonValue]] = mapped_column(
        JSON, comment="What it says, without defaults; the base of the next merge"
    )


class DeviceSeen(Base):
    __tablename__ = "device_seen"
    __table_args__ = ({"comment": "Devices that discovery met, cameras of the inventory or not"},)

    address: Mapped[str] = mapped_column(String(120), primary_key=True, comment="host:port of its device service")
    endpoint: Mapped[str] = mapped_column(String(120), comment="UUID, or the address where it gave none")
    url: Mapped[str] = mapped_column(String(400), comment="Address of its ONVIF device service")
    name: Mapped[str] = mapped_column(String(80), comment="Name that the device announces")
    hardware: Mapped[str] = mapped_column(String(80), comment="Model that the device announces")
    serial: Mapped[str] = mapped_column(String(80), comment="Manufacturer and serial number, where it was asked")
    macs: Mapped[list[str]] = mapped_column(JSON, comment="MAC addresses that it announced or the network told")
    village: Mapped[str | None] = mapped_column(String(40), comment="In whose subnet it was met")
    verdict: Mapped[MatchKind] = mapped_column(
        EnumText(MatchKind, 12), comment="known, first, moved, replaced, clone, new"
    )
    camera: Mapped[str | None] = mapped_column(String(40), index=True, comment="Camera that it is taken for")
    first_seen: Mapped[datetime] = mapped_column(comment="When discovery first met it (UTC)")
    last_seen: Mapped[datetime] = mapped_column(comment="When discovery last met it (UTC)")


class Finding(Base):
    __tablename__ = "camera_finding"
    __table_args__ = (Index(None, "camera", "kind"), {"comment": "What is wrong with a camera's safety or identity"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    camera: Mapped[str | None] = mapped_column(String(40), comment="Null: a device that is no camera of ours")
    address: Mapped[str] = mapped_column(
        String(120), comment="Network address the finding is about; empty: the camera as a whole"
    )
    village: Mapped[str | None] = mapped_column(String(40), comment="Whose scope may see it; null: all")
    kind: Mapped[FindingKind] = mapped_column(
        EnumText(FindingKind, 40), index=True, comment="What was found (cameras.registry.findings)"
    )
    detail: Mapped[dict[str, JsonValue]] = mapped_column(JSON, comment="Figures and names, no sentence and no secret")
    opened_at: Mapped[datetime] = mapped_column(comment="When it was first seen (UTC)")
    closed_at: Mapped[datetime | None] = mapped_column(comment="Null: open")
    closed_by: Mapped[str | None] = mapped_column(
        String(60), comment="Account that accepts it, or 'system' where it is gone"
    )


class ModelQuirk(Base):
    __tablename__ = "model_note"
    __table_args__ = (
        {"comment": "What a model of a firmware does not take, so that nobody tries it on each camera again"},
    )

    manufacturer: Mapped[str] = mapped_column(
        String(60), primary_key=True, comment="Manufacturer as the camera reports it"
    )
    model: Mapped[str] = mapped_column(String(60), primary_key=True, comment="Model as the camera reports it")
    firmware: Mapped[str] = mapped_column(
        String(60), primary_key=True, comment="Firmware version as the camera reports it"
    )
    setting: Mapped[str] = mapped_column(
        String(60), primary_key=True, comment="Setting that the model refuses or ignores"
    )
    outcome: Mapped[QuirkOutcome] = mapped_column(EnumText(QuirkOutcome, 12), comment="refused, ignored, rounded")
    detail: Mapped[str] = mapped_column(String(200), comment="Answer of the camera")
    at: Mapped[datetime] = mapped_column(comment="When it was learned (UTC)")


class ClockSample(Base):
    __tablename__ = "clock_sample"
    __table_args__ = ({"comment": "A camera's clock error as it changed"},)

    camera: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Camera id")
    at: Mapped[datetime] = mapped_column(primary_key=True, comment="When it was measured (UTC)")
    offset: Mapped[float] = mapped_column(comment="Camera minus ours, seconds")
    corrected: Mapped[bool] = mapped_column(default=False, comment="It was set right after this")


class WallView(Base):
    __tablename__ = "wall_view"
    __table_args__ = (
        Index(None, "owner"),
        {"comment": "Saved views of the wall: which cameras, villages and tours its cells show"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    name: Mapped[str] = mapped_column(String(60), comment="Name, as the owner gave it")
    layout: Mapped[WallLayout] = mapped_column(
        EnumText(WallLayout, 4), comment="Division: 1, 4, 6, 9, 16, 25 equal cells, or 1+5, 1+7 with a large one"
    )
    cells: Mapped[list[WallCell]] = mapped_column(
        JSON, comment="What each cell shows, in order (cameras.records.WallCell)"
    )
    owner: Mapped[str] = mapped_column(String(60), comment="Account that saved it; only it may change it")
    shared: Mapped[bool] = mapped_column(default=False, server_default=false(), comment="Every account sees it")
    changed_at: Mapped[datetime] = mapped_column(comment="When it was last saved (UTC)")


class Favourite(Base):
    __tablename__ = "favourite"
    __table_args__ = ({"comment": "Cameras that an account keeps at the top of its list"},)

    account: Mapped[str] = mapped_column(String(60), primary_key=True, comment="Account name")
    camera: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Camera id")
    added_at: Mapped[datetime] = mapped_column(comment="When it was added (UTC)")
