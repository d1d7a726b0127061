"""Tables of search: sightings, and each stream's position in the log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.events import BigId


class Sighting(Base):
    __tablename__ = "sighting"
    __table_args__ = (
        Index(None, "at_us", "id"),
        Index(None, "cls", "at_us", "id"),
        Index(None, "camera", "at_us", "id"),
        Index(None, "village", "at_us", "id"),
        {"comment": "One object in one keyframe"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at_us: Mapped[int] = mapped_column(BigInteger, comment="Wall time of the keyframe, µs UTC")
    camera: Mapped[str] = mapped_column(String(40))
    stream: Mapped[str] = mapped_column(String(50))
    village: Mapped[str] = mapped_column(String(40))
    cls: Mapped[str] = mapped_column(String(16), comment="person, vehicle, bike, moving (class unknown)")
    score: Mapped[float] = mapped_column(comment="0…1, comparable within one detector only")
    x: Mapped[float] = mapped_column(comment="Box as parts of the picture, left edge")
    y: Mapped[float] = mapped_column()
    w: Mapped[float] = mapped_column()
    h: Mapped[float] = mapped_column()
    upper: Mapped[str] = mapped_column(String(40), default="", comment="Colours of the upper part, strongest first, ',a,b,'")
    lower: Mapped[str] = mapped_column(String(40), default="", comment="Colours of the lower part, ',a,b,'")
    thumbnail: Mapped[str] = mapped_column(String(200), comment="JPEG below the data folder")
    detector: Mapped[str] = mapped_column(String(60), comment="Which detector said so")


class IndexPosition(Base):
    __tablename__ = "index_position"
    __table_args__ = ({"comment": "How far each stream is indexed"},)

    stream: Mapped[str] = mapped_column(String(50), primary_key=True)
    position_us: Mapped[int] = mapped_column(BigInteger, comment="Keyframes up to here are done, µs UTC")
    strikes: Mapped[int] = mapped_column(default=0, comment="Crashes of the worker on this stream; 2: quarantine")
