"""Tables of search in the station's database. The sightings themselves are in search.store."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, EnumText
from core.events import BigId

QUARANTINE_CRASHES = 2  # consecutive crashes after which a stream is quarantined


class CameraNumber(Base):
    __tablename__ = "camera_number"
    __table_args__ = (
        UniqueConstraint("camera", "village"),
        {
            "comment": "Short numbers of cameras: a camera that moves to another village gets a new one, "
            "its past stays where it was"
        },
    )

    number: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, comment="0…4095, part of a sighting's id"
    )
    camera: Mapped[str] = mapped_column(String(40), comment="Camera id")
    village: Mapped[str] = mapped_column(
        String(40), index=True, comment="Village code of the camera while it has this number"
    )


class ModelPack(Base):
    __tablename__ = "model_pack"
    __table_args__ = ({"comment": "Short numbers of model packs by id and version"},)

    number: Mapped[int] = mapped_column(primary_key=True, comment="Kept in sightings and names of vector shards")
    name: Mapped[str] = mapped_column(String(80), unique=True, comment="id@version")


class IndexState(Base):
    __tablename__ = "index_state"
    __table_args__ = ({"comment": "Counters of each stream's reader; its position is in the sighting store"},)

    stream: Mapped[str] = mapped_column(String(50), primary_key=True, comment="<camera>/<kind>")
    position_us: Mapped[int] = mapped_column(
        BigInteger, comment="Time of the last indexed keyframe, µs UTC; for display"
    )
    crashes: Mapped[int] = mapped_column(
        default=0, comment="Consecutive crashes of the worker on this stream; 2: quarantine"
    )
    keyframes: Mapped[int] = mapped_column(BigInteger, default=0, comment="Keyframes read so far")
    decoded: Mapped[int] = mapped_column(
        BigInteger, default=0, comment="Of them decoded; the GOP-size gate skipped the others"
    )
    detected: Mapped[int] = mapped_column(BigInteger, default=0, comment="Of them given to the detector")
    undecodable: Mapped[int] = mapped_column(BigInteger, default=0, comment="Of them that cannot be decoded")
    skipped: Mapped[int] = mapped_column(BigInteger, default=0, comment="Seconds skipped for lack of time")


class SightingVerdict(StrEnum):
    """An officer's judgement of a sighting."""

    CANDIDATE = "candidate"
    REJECTED = "rejected"
    NONE = "none"  # removes a judgement; never stored


class Judgement(Base):
    __tablename__ = "judgement"
    __table_args__ = (
        Index(None, "reason", "id"),
        UniqueConstraint("reason", "sighting"),
        {"comment": "An officer's verdict on a sighting in a case"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    reason: Mapped[str] = mapped_column(String(200), comment="Case, help request or other ground, as stated")
    sighting: Mapped[int] = mapped_column(BigInteger, comment="Id of the sighting in the sighting store")
    camera: Mapped[str] = mapped_column(String(40), comment="Camera id of the sighting")
    village: Mapped[str] = mapped_column(String(40), comment="Village code of the camera")
    verdict: Mapped[SightingVerdict] = mapped_column(EnumText(SightingVerdict, 10), comment="candidate, rejected")
    by: Mapped[str] = mapped_column(String(60), comment="Account that judged")
    at: Mapped[datetime] = mapped_column(comment="When it was judged (UTC)")
    thumbnail: Mapped[str] = mapped_column(
        String(200), default="", comment="File of a candidate's picture; it outlives the sighting's day"
    )
