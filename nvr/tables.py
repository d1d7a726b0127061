"""Tables of the archive: volumes, segments, gaps, and the recorder's view of each stream.

Times on the time line are integer microseconds since 1970 UTC: the archive compares and adds them
by the million.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.events import BigId

GAP_CAUSES = (
    "unreachable", "auth_refused", "no_packets", "packet_loss", "protocol_error",
    "recorder_down", "disk_full", "disk_error", "schedule", "retention",
)  # fmt: skip
# Life of a segment's row. A row says 'deleting' before its file is unlinked and vanishes after.
OPEN, CLOSED, DELETING, QUARANTINED = "open", "closed", "deleting", "quarantined"


class Segment(Base):
    __tablename__ = "segment"
    __table_args__ = (
        Index(None, "stream", "start_us"),
        Index(None, "state", "start_us"),
        {"comment": "Segment files; each file is owned by exactly one row"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    stream: Mapped[str] = mapped_column(String(50), comment="<camera>/<kind>")
    path: Mapped[str] = mapped_column(String(300), unique=True, comment="Absolute path of the file")
    state: Mapped[str] = mapped_column(String(12), comment="open, closed, deleting, quarantined")
    start_us: Mapped[int] = mapped_column(BigInteger, comment="Wall time of the first picture, µs UTC")
    end_us: Mapped[int] = mapped_column(BigInteger, comment="Wall time at which the last picture ends; start while open")
    media_us: Mapped[int] = mapped_column(BigInteger, default=0, comment="Duration by the camera's media clock, µs")
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    frames: Mapped[int] = mapped_column(default=0)
    lost_packets: Mapped[int] = mapped_column(default=0)
    clock_offset_us: Mapped[int | None] = mapped_column(BigInteger, comment="Camera's clock minus ours, from sender reports")
    gops: Mapped[bytes | None] = mapped_column(LargeBinary, comment="Packed index of GOPs (nvr.gop_index); null while open")


class Gap(Base):
    __tablename__ = "gap"
    __table_args__ = (Index(None, "stream", "start_us"), {"comment": "Stretches without recording, each with its cause"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    stream: Mapped[str] = mapped_column(String(50))
    start_us: Mapped[int] = mapped_column(BigInteger, comment="µs UTC")
    end_us: Mapped[int | None] = mapped_column(BigInteger, comment="µs UTC; null: goes on")
    cause: Mapped[str] = mapped_column(String(20), comment="One of nvr.tables.GAP_CAUSES")
    detail: Mapped[str] = mapped_column(String(200), default="", comment="What was seen, without secrets")


class StreamStatus(Base):
    __tablename__ = "stream_status"
    __table_args__ = ({"comment": "Observed state, written by the recorder every few seconds"},)

    stream: Mapped[str] = mapped_column(String(50), primary_key=True)
    worker: Mapped[str] = mapped_column(String(40), comment="Recorder that has it")
    state: Mapped[str] = mapped_column(String(16), comment="connecting, recording, waiting, refused, quarantined")
    engine: Mapped[str] = mapped_column(String(10))
    cause: Mapped[str] = mapped_column(String(20), default="", comment="Gap cause while not recording")
    detail: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime] = mapped_column(comment="When this was observed")
    since: Mapped[datetime] = mapped_column(comment="In this state since")
    last_picture: Mapped[datetime | None] = mapped_column(comment="Arrival of the last complete picture")
    fps: Mapped[float] = mapped_column(default=0.0, comment="Pictures a second since the last observation")
    bitrate: Mapped[float] = mapped_column(default=0.0, comment="Bits a second since the last observation")
    packets: Mapped[int] = mapped_column(BigInteger, default=0)
    lost_packets: Mapped[int] = mapped_column(BigInteger, default=0)
    loss: Mapped[float] = mapped_column(default=0.0, comment="Share of packets lost since the last observation")
    reconnects: Mapped[int] = mapped_column(default=0)
    clock_offset: Mapped[float | None] = mapped_column(comment="Camera's clock minus ours, seconds")


class Worker(Base):
    __tablename__ = "worker"
    __table_args__ = ({"comment": "Processes of the station and where they answer"},)

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    role: Mapped[str] = mapped_column(String(20), comment="recorder, analyst")
    url: Mapped[str] = mapped_column(String(120), comment="http://host:port of its own bytes; empty: none")
    pid: Mapped[int] = mapped_column()
    seen_at: Mapped[datetime] = mapped_column()
