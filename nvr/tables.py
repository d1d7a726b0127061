"""Tables of the archive: volumes, footage, holds, gaps, and the recorder's view of each stream.

Times of recordings are integer microseconds since 1970 UTC, because the archive compares and adds them by the million.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, EnumText, OptionalEnumText
from core.events import BigId
from core.host.process_role import ProcessRole
from nvr.clock.plausibility import Suspicion
from nvr.engine_choice import EngineKind
from nvr.recording_state import RecordingState


class GapCause(StrEnum):
    """Why nothing is recorded. Errors of cameras carry the first group (core.errors)."""

    UNREACHABLE = "unreachable"
    AUTH_REFUSED = "auth_refused"
    NO_PACKETS = "no_packets"
    PROTOCOL_ERROR = "protocol_error"
    STATION_FAULT = "station_fault"

    NO_KEYFRAME = "no_keyframe"  # pictures arrive, but none at which a recording can begin
    PACKET_LOSS = "packet_loss"
    RECORDER_DOWN = "recorder_down"
    DISK_FULL = "disk_full"
    DISK_ERROR = "disk_error"
    SCHEDULE = "schedule"
    RETENTION = "retention"
    CLOCK_STEP = "clock_step"


# Gaps that recordings from the camera's own storage may fill.
FILLABLE = frozenset(GapCause) - {
    GapCause.AUTH_REFUSED,
    GapCause.SCHEDULE,
    GapCause.RETENTION,
    GapCause.CLOCK_STEP,
}


class ShortfallReason(StrEnum):
    """Why recordings were deleted before their promised time."""

    DISK_FULL = "disk_full"
    QUOTA = "quota"


class VolumeState(StrEnum):
    """State of a volume, as the recorders see it."""

    OK = "ok"
    FULL = "full"
    FAILED = "failed"
    SLOW = "slow"
    MISSING = "missing"


class Volume(Base):
    __tablename__ = "volume"
    __table_args__ = ({"comment": "Disks (folders) for recordings; each carries a file with its identity"},)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="What the index calls it")
    identity: Mapped[str] = mapped_column(String(36), unique=True, comment="UUID, also in the file on the disk")
    path: Mapped[str] = mapped_column(String(300), comment="Absolute path of the folder")
    state: Mapped[VolumeState] = mapped_column(
        EnumText(VolumeState, 10), default=VolumeState.OK, comment="ok, full, failed, slow, missing"
    )
    detail: Mapped[str] = mapped_column(String(200), default="", comment="Why the volume is not usable")
    total_bytes: Mapped[int] = mapped_column(BigInteger, default=0, comment="Size of its file system")
    free_bytes: Mapped[int] = mapped_column(BigInteger, default=0, comment="Free bytes of its file system")
    checked_at: Mapped[datetime | None] = mapped_column(comment="When it was last checked (UTC)")


class OpenSegment(Base):
    __tablename__ = "open_segment"
    __table_args__ = ({"comment": "Segment files that are being written, or were when a recorder died"},)

    stream: Mapped[str] = mapped_column(String(50), primary_key=True, comment="<camera>/<kind>")
    start_us: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, comment="Wall time, µs UTC"
    )
    volume: Mapped[int] = mapped_column(comment="Number of the volume that holds the file")
    flags: Mapped[int] = mapped_column(default=0, comment="As in the entry (nvr.archive.segment_index)")


class Footage(Base):
    __tablename__ = "footage"
    __table_args__ = (
        Index(None, "stream", "hour", "volume", unique=True),
        Index(None, "volume", "hour"),
        # Partial on PostgreSQL too (see migrations); declaring it here would load that dialect, 3 MB per recorder.
        Index(None, "deleting", sqlite_where=text("deleting")),
        {"comment": "Closed segment files, an hour of a stream a row (docs/design/archive.md)"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    stream: Mapped[str] = mapped_column(String(50), comment="<camera>/<kind>")
    hour: Mapped[int] = mapped_column(comment="Hours since 1970 UTC in which the segments begin")
    volume: Mapped[int] = mapped_column(comment="Number of the volume that holds the files")
    deleting: Mapped[bool] = mapped_column(
        default=False, comment="Some entries are flagged: their files are being removed"
    )
    entries: Mapped[bytes] = mapped_column(
        LargeBinary, comment="Packed entries (nvr.archive.segment_index), in the order of closing"
    )


class StreamUsage(Base):
    __tablename__ = "stream_usage"
    __table_args__ = ({"comment": "What each stream holds in the archive, kept up with every entry"},)

    stream: Mapped[str] = mapped_column(String(50), primary_key=True, comment="<camera>/<kind>")
    bytes_held: Mapped[int] = mapped_column(BigInteger, default=0, comment="Size of the stream's files")
    files: Mapped[int] = mapped_column(BigInteger, default=0, comment="Number of the stream's files")


class Hold(Base):
    __tablename__ = "hold"
    __table_args__ = (
        Index(None, "camera", "end_us"),
        {"comment": "Footage that retention must not remove (R-RET-2)"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    camera: Mapped[str] = mapped_column(String(40), comment="Camera id")
    start_us: Mapped[int] = mapped_column(BigInteger, comment="µs UTC")
    end_us: Mapped[int] = mapped_column(BigInteger, comment="µs UTC")
    owner: Mapped[str] = mapped_column(String(60), comment="Account that asked for it")
    reason: Mapped[str] = mapped_column(String(200), comment="Case number or ground")
    created_at: Mapped[datetime] = mapped_column(comment="When it was placed (UTC)")
    expires_at: Mapped[datetime] = mapped_column(comment="Holds nothing after this; extended by a new hold")
    released_at: Mapped[datetime | None] = mapped_column(comment="When a person released it (UTC); null: not released")
    told_at: Mapped[datetime | None] = mapped_column(comment="When it was told that it ends soon")
    case: Mapped[int | None] = mapped_column(comment="The case that needs it (case_file)")


class Bookmark(Base):
    __tablename__ = "bookmark"
    __table_args__ = (
        Index(None, "camera", "at_us"),
        {"comment": "Moments of the recording that a person marked; seen by everybody who may see the camera"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    camera: Mapped[str] = mapped_column(String(40), comment="Camera id")
    village: Mapped[str] = mapped_column(String(40), comment="Village code of the camera when it was marked")
    at_us: Mapped[int] = mapped_column(BigInteger, comment="Marked moment, µs UTC")
    text: Mapped[str] = mapped_column(String(200), comment="Words of the person")
    created_by: Mapped[str] = mapped_column(String(60), comment="Account that marked it")
    created_at: Mapped[datetime] = mapped_column(comment="When it was marked (UTC)")


class Shortfall(Base):
    __tablename__ = "shortfall"
    __table_args__ = ({"comment": "Footage removed before its time: who holds fewer days than required, a row a day"},)

    stream: Mapped[str] = mapped_column(String(50), primary_key=True, comment="<camera>/<kind>")
    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="UTC day of the removal")
    held_days: Mapped[float] = mapped_column(comment="Days that the stream still held after it, the least of the day")
    required_days: Mapped[float] = mapped_column(comment="Days that the stream must be held")
    reason: Mapped[ShortfallReason] = mapped_column(EnumText(ShortfallReason, 20), comment="disk_full, quota")


class DeletionRun(TypedDict):
    """Deleted files of one volume that follow each other (nvr.archive.deletions)."""

    volume: int
    first: int  # start of its first file, µs UTC
    last: int  # start of its last file
    until: int  # end of its last file
    files: int
    unhashed: int  # files without a hash
    digest: str


class FootageDeletion(Base):
    __tablename__ = "footage_deletion"
    __table_args__ = (
        {
            "comment": "Footage that retention deleted, a row a stream and day: how much, "
            "and a digest over the files' SHA-256"
        },
    )

    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="UTC day in which the files began")
    stream: Mapped[str] = mapped_column(String(50), primary_key=True, comment="<camera>/<kind>")
    files: Mapped[int] = mapped_column(BigInteger, comment="Number of files deleted")
    bytes: Mapped[int] = mapped_column(BigInteger, comment="Size of the files deleted")
    runs: Mapped[list[DeletionRun]] = mapped_column(
        JSON, comment="Files in the order of time, each run with its digest (nvr.archive.deletions)"
    )
    first_at: Mapped[datetime] = mapped_column(comment="When the first of them were deleted")
    last_at: Mapped[datetime] = mapped_column(comment="When the last ones were")


class RetentionClockRow(Base):
    __tablename__ = "retention_clock"
    __table_args__ = (
        {"comment": "Whether the wall clock is plausible enough to delete by age (nvr.clock.plausibility): one row"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    boot: Mapped[str] = mapped_column(String(40), comment="Names the start of the machine that uptime_us counts from")
    uptime_us: Mapped[int] = mapped_column(BigInteger, comment="At the last look, µs")
    wall_us: Mapped[int] = mapped_column(BigInteger, comment="Wall clock at the last look, µs UTC")
    plausible_us: Mapped[int] = mapped_column(BigInteger, comment="Believed time at the last look, µs UTC")
    suspicion: Mapped[Suspicion] = mapped_column(
        EnumText(Suspicion, 10), comment="forward, backward; empty: the wall clock is believed"
    )
    steady_us: Mapped[int] = mapped_column(BigInteger, comment="Without another step since the last one, µs")
    ntp_us: Mapped[int] = mapped_column(BigInteger, comment="Of it kept by a time service, µs")
    suspended_at: Mapped[datetime | None] = mapped_column(comment="Deletion by age is suspended since")


class MisfiledRow(Base):
    __tablename__ = "misfiled"
    __table_args__ = (
        {"comment": "Stretches of file times between two steps of the station's clock (nvr.clock.filing_periods)"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    start_us: Mapped[int] = mapped_column(BigInteger, comment="µs UTC as filed")
    end_us: Mapped[int] = mapped_column(BigInteger, comment="µs UTC as filed; 2^62: goes on")
    offset_us: Mapped[int] = mapped_column(BigInteger, comment="So much later it lies by the clock as it is now, µs")
    doubted: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="Of before a step that nobody has proved yet: a person's word takes it back",
    )


class Gap(Base):
    __tablename__ = "gap"
    __table_args__ = (
        Index(None, "stream", "end_us"),
        Index(None, "ask_at", sqlite_where=text("ask_at IS NOT NULL")),
        {"comment": "Stretches without recording, each with its cause"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    stream: Mapped[str] = mapped_column(String(50), comment="<camera>/<kind>")
    start_us: Mapped[int] = mapped_column(BigInteger, comment="µs UTC")
    end_us: Mapped[int | None] = mapped_column(BigInteger, comment="µs UTC; null: goes on")
    cause: Mapped[GapCause] = mapped_column(EnumText(GapCause, 20), comment="One of nvr.tables.GapCause")
    detail: Mapped[str] = mapped_column(String(200), default="", comment="What was seen, without secrets")
    ask_at: Mapped[datetime | None] = mapped_column(
        comment="When the camera's card is asked for it; null: not (any more)"
    )


class ClockCorrection(Base):
    __tablename__ = "clock_correction"
    __table_args__ = (
        {"comment": "Files that get other names because the station's clock was set; a row goes when all have them"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="They are done in this order")
    stream: Mapped[str] = mapped_column(String(50), index=True, comment="<camera>/<kind>")
    worker: Mapped[str] = mapped_column(String(40), comment="Recorder that does it; empty: a recorder without a number")
    since_us: Mapped[int] = mapped_column(BigInteger, comment="From here, µs UTC by the old clock …")
    until_us: Mapped[int] = mapped_column(BigInteger, comment="… to here footage was filed by the old clock")
    by_us: Mapped[int] = mapped_column(BigInteger, comment="By which the clock was set, µs")
    files: Mapped[list[int]] = mapped_column(
        JSON, comment="Starts of the files that still have their old names, µs UTC"
    )
    protected: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="Holds and retention know the new names already"
    )


class ShortHole(Base):
    __tablename__ = "short_hole"
    __table_args__ = (
        Index(None, "hour"),
        {"comment": "Holes below a second, which are no gaps: how many in an hour; hours without any have no row"},
    )

    stream: Mapped[str] = mapped_column(String(50), primary_key=True, comment="<camera>/<kind>")
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="Hours since 1970 UTC")
    holes: Mapped[int] = mapped_column(BigInteger, comment="Number of holes in the hour")
    us: Mapped[int] = mapped_column(BigInteger, comment="What is missing in them, µs")


class StreamStatus(Base):
    __tablename__ = "stream_status"
    __table_args__ = ({"comment": "Observed state, written by the recorder every few seconds"},)

    stream: Mapped[str] = mapped_column(String(50), primary_key=True, comment="<camera>/<kind>")
    worker: Mapped[str] = mapped_column(String(40), comment="Recorder that has it")
    state: Mapped[RecordingState] = mapped_column(
        EnumText(RecordingState, 16), comment="connecting, recording, waiting, refused, quarantined"
    )
    engine: Mapped[EngineKind | None] = mapped_column(
        OptionalEnumText(EngineKind, 10), nullable=False, default=None, comment="native or ffmpeg"
    )
    fell_back_at: Mapped[datetime | None] = mapped_column(comment="When ffmpeg took over because native could not")
    strikes: Mapped[int] = mapped_column(default=0, comment="How often its recorder died over it")
    quarantined_at: Mapped[datetime | None] = mapped_column(comment="Left alone since then; tried again after a day")
    cause: Mapped[GapCause | None] = mapped_column(
        OptionalEnumText(GapCause, 20), nullable=False, default=None, comment="Gap cause while not recording"
    )
    detail: Mapped[str] = mapped_column(String(200), default="", comment="Explanation of the state for persons")
    at: Mapped[datetime] = mapped_column(comment="When this was observed")
    since: Mapped[datetime] = mapped_column(comment="In this state since")
    last_picture: Mapped[datetime | None] = mapped_column(comment="Arrival of the last complete picture")
    fps: Mapped[float] = mapped_column(default=0.0, comment="Pictures a second since the last observation")
    bitrate: Mapped[float] = mapped_column(default=0.0, comment="Bits a second since the last observation")
    packets: Mapped[int] = mapped_column(
        BigInteger, default=0, comment="RTP packets received since the recorder started"
    )
    lost_packets: Mapped[int] = mapped_column(
        BigInteger, default=0, comment="RTP packets lost since the recorder started"
    )
    foreign_packets: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default="0", comment="Of another SSRC, payload type or channel: ignored"
    )
    skipped_units: Mapped[int] = mapped_column(
        BigInteger,
        default=0,
        server_default="0",
        comment="NAL units that no decoder needs (unknown, vendors', oversized SEI)",
    )
    damaged_units: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default="0", comment="Pictures dropped because a part of them is missing"
    )
    duplicate_packets: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default="0", comment="Packets that had come before, or came too late: dropped"
    )
    start_points: Mapped[int] = mapped_column(
        BigInteger,
        default=0,
        server_default="0",
        comment="Groups of pictures that begin at no keyframe (recovery points, intra pictures)",
    )
    held_back: Mapped[int] = mapped_column(
        BigInteger,
        default=0,
        server_default="0",
        comment="Readings put off because the stream takes more than its share of the CPU",
    )
    short_holes: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default="0", comment="Holes below a second: no gaps"
    )
    short_hole_seconds: Mapped[float] = mapped_column(
        default=0.0, server_default="0", comment="What is missing in them"
    )
    loss: Mapped[float] = mapped_column(default=0.0, comment="Share of packets lost since the last observation")
    reconnects: Mapped[int] = mapped_column(
        default=0, comment="Connections made since the recorder started, beyond the first"
    )
    jumps: Mapped[float] = mapped_column(
        default=0.0,
        server_default="0",
        comment="Timestamps that jumped or stood still, about so many in the last five minutes",
    )
    clock_offset: Mapped[float | None] = mapped_column(comment="Camera's clock minus ours, seconds")
    keyframe_seconds: Mapped[float | None] = mapped_column(
        comment="Longest time without a keyframe lately, while pictures came; null: not known yet"
    )


class Worker(Base):
    __tablename__ = "worker"
    __table_args__ = ({"comment": "Processes of the station and where they answer"},)

    name: Mapped[str] = mapped_column(
        String(40), primary_key=True, comment="Name of the process, unique in the station"
    )
    role: Mapped[ProcessRole] = mapped_column(EnumText(ProcessRole, 20), comment="controller, recorder, analyst")
    url: Mapped[str] = mapped_column(String(120), comment="http://host:port of its own bytes; empty: none")
    pid: Mapped[int] = mapped_column(comment="Process id")
    seen_at: Mapped[datetime] = mapped_column(comment="When it last reported (UTC)")
    release: Mapped[str] = mapped_column(
        String(40),
        default="",
        server_default="",
        comment="Version of the program that it runs; empty: a version before 0046, which did not say",
    )
    started_at: Mapped[datetime | None] = mapped_column(comment="When it started (UTC)")
