"""Tables of search in the station's database. The sightings themselves are in search.store."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.events import BigId


class CameraNumber(Base):
    __tablename__ = "seen_by"
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
    camera: Mapped[str] = mapped_column(String(40))
    village: Mapped[str] = mapped_column(String(40), index=True)


class ModelPack(Base):
    __tablename__ = "search_pack"
    __table_args__ = ({"comment": "Short numbers of model packs by id and version"},)

    number: Mapped[int] = mapped_column(primary_key=True, comment="Kept in sightings and names of vector shards")
    name: Mapped[str] = mapped_column(String(80), unique=True, comment="id@version")


QUARANTINE_CRASHES = 2  # consecutive crashes after which a stream is quarantined


class IndexState(Base):
    __tablename__ = "index_state"
    __table_args__ = ({"comment": "What each stream's reader last did; where it is stands beside the sightings"},)

    stream: Mapped[str] = mapped_column(String(50), primary_key=True)
    position_us: Mapped[int] = mapped_column(
        BigInteger, comment="Keyframes up to here were done, µs UTC; for people to read"
    )
    strikes: Mapped[int] = mapped_column(
        default=0, comment="Crashes of the worker on this stream in a row; 2: quarantine"
    )
    keyframes: Mapped[int] = mapped_column(BigInteger, default=0, comment="Keyframes passed so far")
    decoded: Mapped[int] = mapped_column(
        BigInteger, default=0, comment="Of them decoded: the others were quiet by their sizes"
    )
    detected: Mapped[int] = mapped_column(BigInteger, default=0, comment="Of them given to the detector")
    undecodable: Mapped[int] = mapped_column(BigInteger, default=0, comment="Of them broken")
    skipped: Mapped[int] = mapped_column(BigInteger, default=0, comment="Seconds passed over unseen, for lack of time")


class Judgement(Base):
    __tablename__ = "judgement"
    __table_args__ = (
        Index(None, "reason", "id"),
        UniqueConstraint("reason", "sighting"),
        {"comment": "Candidate or rejected: what an officer thought of a sighting in a case"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    reason: Mapped[str] = mapped_column(String(200), comment="Case, help request or other ground, as stated")
    sighting: Mapped[int] = mapped_column(BigInteger)
    camera: Mapped[str] = mapped_column(String(40))
    village: Mapped[str] = mapped_column(String(40))
    verdict: Mapped[str] = mapped_column(String(10), comment="candidate, rejected")
    by: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime] = mapped_column()
    thumbnail: Mapped[str] = mapped_column(
        String(200), default="", comment="A candidate's picture of its own: it outlives its day"
    )
