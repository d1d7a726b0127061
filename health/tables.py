"""Tables of patrol: rounds, inspections, camera baselines, faults, work orders, daily figures, registers.

Times are UTC; names of cameras and villages are their ids.
"""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict

from pydantic import JsonValue
from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, EnumText
from core.events import BigId
from health.vocabulary import (
    EvidenceFigures,
    FaultFamily,
    FaultOutcome,
    FaultStatus,
    FiguresKind,
    Light,
    OrderState,
    OrderStep,
    ReviewAnswer,
)


class RoundScope(TypedDict, total=False):
    """The cameras of a round; without a key they are not limited by it."""

    villages: list[str]
    cameras: list[str]
    vendor: str


class PatrolRound(Base):
    __tablename__ = "patrol_round"
    __table_args__ = ({"comment": "Patrol rounds, requested by the schedule or a person"},)

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    asked_at: Mapped[datetime] = mapped_column(comment="When it was requested")
    asked_by: Mapped[str] = mapped_column(String(60), comment="Account name, or 'schedule'")
    scope: Mapped[RoundScope] = mapped_column(
        JSON, default=dict, server_default="{}", comment="villages, cameras, vendor; empty: all"
    )
    started_at: Mapped[datetime | None] = mapped_column(comment="When it began; null: waiting")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it ended; null: running or waiting")
    cameras: Mapped[int] = mapped_column(default=0, comment="Cameras to inspect")
    inspected: Mapped[int] = mapped_column(default=0, server_default="0", comment="Cameras inspected so far")
    faulty: Mapped[int] = mapped_column(default=0, comment="Cameras with an open fault at its end")


class Inspection(Base):
    __tablename__ = "inspection"
    __table_args__ = (Index(None, "camera", "at"), {"comment": "One inspection of one camera: figures and findings"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    round: Mapped[int] = mapped_column(ForeignKey("patrol_round.id"), index=True, comment="Patrol round")
    camera: Mapped[str] = mapped_column(String(40), comment="Camera id")
    at: Mapped[datetime] = mapped_column(comment="When the inspected picture was taken")
    findings: Mapped[dict[str, EvidenceFigures]] = mapped_column(
        JSON, comment="Fault family → figures of the evidence; empty: nothing found"
    )
    unknown: Mapped[list[str]] = mapped_column(
        JSON, default=list, server_default="[]", comment="Families that this inspection could not test"
    )
    figures: Mapped[dict[str, float]] = mapped_column(
        JSON, comment="Measurements (health.picture.measurement, health.checks.stream)"
    )
    light: Mapped[Light] = mapped_column(
        EnumText(Light, 6), default=Light.NONE, server_default="", comment="day, night; empty: no picture"
    )
    accepted: Mapped[bool] = mapped_column(default=False, server_default="0", comment="Part of the camera's baseline")
    anchor: Mapped[bool] = mapped_column(
        default=False, server_default="0", comment="Inspection of the first days of a view; kept for good"
    )
    features: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="Packed measurement (health.picture.measurement), kept for some days"
    )
    picture: Mapped[str | None] = mapped_column(
        String(300), comment="JPEG kept as evidence or reference, below the data folder"
    )


class CameraBaseline(Base):
    __tablename__ = "camera_baseline"
    __table_args__ = ({"comment": "Baseline of a camera"},)

    camera: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Camera id")
    view: Mapped[int] = mapped_column(default=1, comment="Number of the view; a person starts a new one")
    since: Mapped[datetime] = mapped_column(comment="Inspections from here on belong to the present view")
    at: Mapped[datetime | None] = mapped_column(comment="Last inspection with a picture")
    thumbnail: Mapped[bytes | None] = mapped_column(LargeBinary, comment="Luminance of its picture, 90×160")
    pattern: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="View pattern (health.picture.view_pattern): mean fine contrast, 90×160"
    )
    pattern_pictures: Mapped[int] = mapped_column(default=0, server_default="0", comment="Pictures in the view pattern")
    shared_weather_at: Mapped[datetime | None] = mapped_column(
        comment="Last inspection with weather shared by its neighbours"
    )
    learning_until: Mapped[datetime | None] = mapped_column(
        comment="When the view is expected to be learned; null: it is"
    )
    next_inspection_at: Mapped[datetime | None] = mapped_column(
        index=True, comment="Inspected again then, before the next round"
    )
    fps: Mapped[float | None] = mapped_column(comment="Usual frames per second: median of accepted inspections")
    bitrate: Mapped[float | None] = mapped_column(comment="Usual bits per second: median of accepted inspections")
    change: Mapped[float | None] = mapped_column(
        comment="Usual difference between two rounds, grey levels: lower quartile of accepted inspections"
    )


class ReferenceScene(Base):
    __tablename__ = "reference_scene"
    __table_args__ = ({"comment": "Luminance of one good picture for each hour of the day"},)

    camera: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Camera id")
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="Local hour, 0…23")
    view: Mapped[int] = mapped_column(comment="Number of the view (camera_baseline.view) that it shows")
    at: Mapped[datetime] = mapped_column(comment="When the picture was taken")
    thumbnail: Mapped[bytes] = mapped_column(LargeBinary, comment="Luminance, 90×160")


class FaultFacts(TypedDict, total=False):
    """Memory of the state machine (health.faults.state_machine.FaultState)."""

    votes: list[tuple[float, bool, str]]  # time (epoch seconds), found, light; JSON reads each back as a list
    light: str
    openings: list[float]
    suspected_at: float  # when the present suspicion began, epoch seconds


class Fault(Base):
    __tablename__ = "fault"
    __table_args__ = (
        Index(None, "camera", "family", "state"),
        Index(None, "state"),
        Index(None, "closed_at"),
        {"comment": "Faults: suspected, open, closed"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    camera: Mapped[str] = mapped_column(
        String(40), comment="Camera id; empty: a fault of a village, a switch or the station"
    )
    village: Mapped[str | None] = mapped_column(String(40), comment="Village of the fault; null: fault of the station")
    family: Mapped[FaultFamily] = mapped_column(EnumText(FaultFamily, 20), comment="health.vocabulary.FaultFamily")
    state: Mapped[FaultStatus] = mapped_column(
        EnumText(FaultStatus, 12), comment="suspect, open, recovering, closed, dismissed"
    )
    severity: Mapped[int] = mapped_column(comment="1 evidence is being lost … 4 cosmetic")
    detail: Mapped[str] = mapped_column(
        String(300), default="", comment="Name of the up-link, switch or disk; empty for a camera"
    )
    figures: Mapped[dict[str, JsonValue]] = mapped_column(
        JSON, default=dict, server_default="{}", comment="Figures of the last evidence"
    )
    facts: Mapped[FaultFacts] = mapped_column(
        JSON, default=dict, server_default="{}", comment="Memory of the state machine: votes, light, openings"
    )
    first_seen: Mapped[datetime] = mapped_column(comment="First inspection that showed it")
    opened_at: Mapped[datetime | None] = mapped_column(comment="When it was confirmed; null: only suspected")
    closed_at: Mapped[datetime | None] = mapped_column(comment="When it ended; null: it lasts")
    times: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="How often it opened; within a day it is the same fault"
    )
    inspections: Mapped[int] = mapped_column(default=1, comment="Inspections that could judge it")
    acknowledged_by: Mapped[str | None] = mapped_column(
        String(60), comment="Account that acknowledged it; does not close it"
    )
    verdict: Mapped[FaultOutcome | None] = mapped_column(
        EnumText(FaultOutcome, 12), comment="Of a person: real, false, watch; of the system: new_view, retired"
    )
    order: Mapped[int | None] = mapped_column(index=True, comment="Work order for the repair")
    picture: Mapped[str | None] = mapped_column(String(300), comment="Evidence: the picture that opened it")
    reference: Mapped[str | None] = mapped_column(
        String(300), comment="A good picture of the same camera for comparison"
    )
    reported_by: Mapped[str | None] = mapped_column(
        String(60), comment="Account that reported it; null: found by patrol"
    )
    note: Mapped[str] = mapped_column(String(400), default="", server_default="", comment="Words of that person")


class Maintenance(Base):
    __tablename__ = "maintenance"
    __table_args__ = ({"comment": "Planned work: no faults are recorded meanwhile"},)

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    camera: Mapped[str | None] = mapped_column(String(40), comment="Camera id; null: a whole village")
    village: Mapped[str | None] = mapped_column(String(40), comment="Village code; null: one camera")
    start: Mapped[datetime] = mapped_column(comment="Begin")
    until: Mapped[datetime] = mapped_column(index=True, comment="End")
    reason: Mapped[str] = mapped_column(String(200), comment="Reason, as officers gave it")
    by: Mapped[str] = mapped_column(String(60), comment="Account that planned it")


class WorkOrder(Base):
    __tablename__ = "work_order"
    __table_args__ = ({"comment": "Repair order (工单)"},)

    id: Mapped[int] = mapped_column(primary_key=True, comment="Number of the order")
    village: Mapped[str | None] = mapped_column(String(40), index=True, comment="Village code; null: the station")
    camera: Mapped[str | None] = mapped_column(String(40), comment="Camera id; null: several cameras")
    title: Mapped[str] = mapped_column(String(120), comment="What is to be repaired")
    state: Mapped[OrderState] = mapped_column(
        EnumText(OrderState, 12),
        index=True,
        comment="new, assigned, working, parts, verifying, closed, refused, merged",
    )
    severity: Mapped[int] = mapped_column(comment="1 evidence is being lost … 4 cosmetic")
    vendor: Mapped[str] = mapped_column(String(80), default="", comment="Company that repairs")
    assignee: Mapped[str] = mapped_column(String(60), default="", comment="Person that repairs")
    created_at: Mapped[datetime] = mapped_column(comment="When the order was made")
    created_by: Mapped[str] = mapped_column(String(60), comment="Account that made it")
    respond_by: Mapped[datetime] = mapped_column(comment="Deadline for the response")
    repair_by: Mapped[datetime] = mapped_column(comment="Deadline for the repair")
    repaired_at: Mapped[datetime | None] = mapped_column(comment="Repair reported; verified from here on")
    closed_at: Mapped[datetime | None] = mapped_column(comment="When the order was closed; null: open")
    reopened: Mapped[int] = mapped_column(default=0, comment="How often the verification failed")
    reminded: Mapped[int] = mapped_column(default=0, comment="Reminders sent: one, two, then escalated")
    cost: Mapped[float | None] = mapped_column(comment="Cost of the repair, yuan")
    warranty: Mapped[bool] = mapped_column(default=False, comment="Covered by warranty")
    merged_into: Mapped[int | None] = mapped_column(comment="Order that replaced this one")


class WorkOrderNote(Base):
    __tablename__ = "work_order_note"
    __table_args__ = ({"comment": "What happened to a work order; append-only"},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    order: Mapped[int] = mapped_column(ForeignKey("work_order.id"), index=True, comment="Work order")
    at: Mapped[datetime] = mapped_column(comment="When the step was taken")
    by: Mapped[str] = mapped_column(String(60), comment="Account that took it, or 'system'")
    step: Mapped[OrderStep] = mapped_column(
        EnumText(OrderStep, 20), comment="New state of the order, or created, reopened, reminded"
    )
    text: Mapped[str] = mapped_column(String(400), default="", comment="Words of the person")


class WorkOrderPhoto(Base):
    __tablename__ = "work_order_photo"
    __table_args__ = ({"comment": "Photos of repairs; hardware, no footage"},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    order: Mapped[int] = mapped_column(ForeignKey("work_order.id"), index=True, comment="Work order")
    at: Mapped[datetime] = mapped_column(comment="When the photo was uploaded")
    by: Mapped[str] = mapped_column(String(60), comment="Account that uploaded it")
    path: Mapped[str] = mapped_column(String(300), comment="JPEG below the data folder")


class ReviewVerdict(Base):
    __tablename__ = "review_verdict"
    __table_args__ = (Index(None, "by", "at"), {"comment": "Verdicts of persons in manual reviews"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    at: Mapped[datetime] = mapped_column(comment="When the verdict was given")
    by: Mapped[str] = mapped_column(String(60), comment="Account that gave it")
    camera: Mapped[str] = mapped_column(String(40), comment="Camera id")
    blind: Mapped[bool] = mapped_column(comment="The system had judged it normal")
    verdict: Mapped[ReviewAnswer] = mapped_column(EnumText(ReviewAnswer, 8), comment="normal, faulty")
    family: Mapped[str] = mapped_column(String(20), default="", comment="Fault family of the verdict 'faulty'")


class CameraDay(Base):
    __tablename__ = "camera_day"
    __table_args__ = (
        Index(None, "village", "day"),
        {"comment": "A camera's past local day, in seconds; written once (health.kpi.camera_days)"},
    )

    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="Local day")
    camera: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Camera id")
    village: Mapped[str] = mapped_column(String(40), comment="Its village on that day")
    vendor: Mapped[str] = mapped_column(String(80), comment="Its maintenance company on that day; empty: none")
    sponsor: Mapped[str] = mapped_column(String(80), comment="Who paid for the camera, on that day; empty: unknown")
    service: Mapped[float] = mapped_column(comment="In use, without planned work")
    offline: Mapped[float] = mapped_column(comment="Part of service in which the camera sent nothing")
    unknown: Mapped[float] = mapped_column(comment="Part of service for which nothing is known")
    required: Mapped[float] = mapped_column(comment="Part of service in which its main stream was to be recorded")
    recorded: Mapped[float] = mapped_column(comment="Part of required that was recorded")
    missing: Mapped[dict[str, float]] = mapped_column(JSON, comment="required - recorded, by cause")
    inspected: Mapped[bool] = mapped_column(comment="Patrol inspected it")
    intact: Mapped[bool | None] = mapped_column(
        comment="No fault of severity 1 or 2 was open at the end; null: not inspected"
    )
    clock_right: Mapped[bool | None] = mapped_column(comment="Clock within 2 s; null: not known")
    short_holes: Mapped[int | None] = mapped_column(BigInteger, comment="Holes below a second; null: not counted then")
    short_hole_seconds: Mapped[float | None] = mapped_column(comment="Length of these holes; it counts as recorded")
    reconstructed: Mapped[bool] = mapped_column(comment="Written long after the day, from the facts still there")


class WrittenDay(Base):
    __tablename__ = "written_day"
    __table_args__ = ({"comment": "Days whose rows of camera_day are complete, also where there are none"},)

    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="Local day")
    cameras: Mapped[int] = mapped_column(comment="Number of cameras in use on it")


class DailyFigures(Base):
    __tablename__ = "daily_figures"
    __table_args__ = ({"comment": "Figures of each past day, by whom they concern"},)

    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="Local day")
    kind: Mapped[FiguresKind] = mapped_column(
        EnumText(FiguresKind, 8), primary_key=True, comment="town, village, vendor, sponsor"
    )
    name: Mapped[str] = mapped_column(String(80), primary_key=True, comment="Code or name; empty: the town")
    figures: Mapped[dict[str, JsonValue]] = mapped_column(JSON, comment="health.kpi.figures.Figures")


class RegisterFault(TypedDict):
    """A fault in a register; times in ISO 8601."""

    id: int
    camera: str
    village: str | None
    name: str
    family: str
    severity: int
    opened_at: str | None
    closed_at: str | None
    order: int | None
    verdict: str | None


class PatrolEntry(TypedDict):
    """What a register says about the day's patrol."""

    rounds: int
    finished_at: str | None
    cameras: int
    reason: str  # why there was none


class AuditHead(TypedDict):
    """Length and last hash of the audit trail."""

    rows: int
    hash: str


class RateRecord(TypedDict):
    """A rate with its basis in a register (health.kpi.rates.Rate)."""

    value: float | None
    numerator: float
    denominator: float
    not_observed: float
    cameras: int
    cameras_not_observed: int
    unit: str
    reason: str | None  # why there is no value


class RegisterFigures(TypedDict):
    """The content of a register or supplement; registers of earlier versions lack some keys."""

    cameras: int
    looked: int
    not_looked: list[str]
    online: float | None
    intact: float | None
    recorded: float | None
    clock_right: float | None
    unknown: float | None
    short_holes: int | None
    short_hole_seconds: float | None
    faults: list[RegisterFault]
    rates: NotRequired[dict[str, RateRecord]]
    patrol: NotRequired[PatrolEntry]
    audit: NotRequired[AuditHead]
    day_over: NotRequired[bool]  # of a supplement


class DailyRegister(Base):
    __tablename__ = "daily_register"
    __table_args__ = ({"comment": "The day's patrol, signed by a person (巡检登记)"},)

    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="Local day")
    figures: Mapped[RegisterFigures] = mapped_column(JSON, comment="Content, as it was signed")
    digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the content (health.register.signatures)")
    signed_by: Mapped[str] = mapped_column(String(60), comment="Account that signed")
    signed_at: Mapped[datetime] = mapped_column(comment="When it was signed")
    remark: Mapped[str] = mapped_column(String(400), default="", comment="Remark of the person who signed")


class RegisterSupplement(Base):
    __tablename__ = "register_supplement"
    __table_args__ = ({"comment": "Facts about a day that became known after its register was signed; signed too"},)

    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="Local day of its register")
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="1, 2, … of the day")
    figures: Mapped[RegisterFigures] = mapped_column(JSON, comment="Content that no earlier document of the day has")
    digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the previous digest and the content")
    signed_by: Mapped[str] = mapped_column(String(60), comment="Account that signed")
    signed_at: Mapped[datetime] = mapped_column(comment="When it was signed")
    remark: Mapped[str] = mapped_column(String(400), default="", comment="Remark of the person who signed")
