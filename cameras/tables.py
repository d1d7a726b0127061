"""Tables of the registry (一机一档): villages, cameras, their streams, credentials by name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database import Base


class Village(Base):
    __tablename__ = "village"
    __table_args__ = ({"comment": "Villages of the town"},)

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    boundary: Mapped[list[Any]] = mapped_column(JSON, comment="Polygon [[lon, lat], …], WGS 84; may be empty")
    area_km2: Mapped[float | None] = mapped_column(comment="Stated, else computed from the boundary")
    population: Mapped[int | None] = mapped_column()
    subnets: Mapped[list[str]] = mapped_column(JSON, comment="CIDR blocks in which its cameras live")
    funding: Mapped[list[Any]] = mapped_column(JSON, comment="Money raised: source, amount (yuan), received, purpose")
    quota_bytes: Mapped[int | None] = mapped_column(BigInteger, comment="Most that its recordings may take")


class Credential(Base):
    __tablename__ = "credential"
    __table_args__ = ({"comment": "Camera accounts by name; the password sealed"},)

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    username: Mapped[str] = mapped_column(String(60))
    sealed: Mapped[str | None] = mapped_column(String(400), comment="AES-256-GCM, bound to 'credential:<name>'")


class Camera(Base):
    __tablename__ = "camera"
    __table_args__ = ({"comment": "One file a camera"},)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    village: Mapped[str] = mapped_column(ForeignKey("village.code"), index=True)
    address: Mapped[str | None] = mapped_column(String(120), comment="host[:port] of the ONVIF service")
    credential: Mapped[str | None] = mapped_column(ForeignKey("credential.name"))
    profile: Mapped[dict[str, Any]] = mapped_column(JSON, comment="Position, height, azimuth, cost … as in the inventory")
    retired: Mapped[bool] = mapped_column(default=False, comment="No longer in the inventory; footage is kept")
    device: Mapped[dict[str, Any] | None] = mapped_column(JSON, comment="ONVIF identity: maker, model, firmware, serial")
    clock_offset: Mapped[float | None] = mapped_column(comment="Camera clock minus ours, seconds")
    refused_at: Mapped[datetime | None] = mapped_column(comment="Credential refused; nobody tries until a person acts")
    seen_at: Mapped[datetime | None] = mapped_column(comment="Last ONVIF answer")
    streams: Mapped[list[Stream]] = relationship(lazy="selectin", cascade="all, delete-orphan", order_by="Stream.kind")


class Stream(Base):
    __tablename__ = "stream"
    __table_args__ = ({"comment": "RTSP streams of a camera: main and, where it has one, sub"},)

    id: Mapped[str] = mapped_column(String(50), primary_key=True, comment="<camera>/<kind>")
    camera: Mapped[str] = mapped_column(ForeignKey("camera.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(8), comment="main or sub")
    url: Mapped[str | None] = mapped_column(String(400), comment="RTSP address without credentials")
    engine: Mapped[str | None] = mapped_column(String(10), comment="auto, native, ffmpeg; null: station default")
    record: Mapped[bool] = mapped_column(default=True)
    schedule: Mapped[str] = mapped_column(String(120), default="", comment="Empty: always; hours of the day; 'event'")
    audio: Mapped[bool] = mapped_column(default=False, comment="Sound is recorded too")
    from_inventory: Mapped[bool] = mapped_column(default=False, comment="Address given by hand, ONVIF does not change it")
    snapshot_url: Mapped[str | None] = mapped_column(String(400))
    codec: Mapped[str | None] = mapped_column(String(10), comment="As ONVIF states it: H264, H265")
    width: Mapped[int | None] = mapped_column()
    height: Mapped[int | None] = mapped_column()
    fps: Mapped[float | None] = mapped_column(comment="Frames a second promised")
    bitrate: Mapped[int | None] = mapped_column(comment="Bits a second promised")


def profile_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The part of an inventory entry that is kept as JSON."""
    return {k: v for k, v in entry.items() if k not in ("id", "name", "village", "address", "credential", "streams")}
