"""Tables of patrol: rounds, inspections, camera baselines, faults, work orders, daily figures, registers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.events import BigId


class PatrolRound(Base):
    __tablename__ = "patrol_round"
    __table_args__ = ({"comment": "Patrol rounds, asked for by the schedule or a person"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime] = mapped_column()
    asked_by: Mapped[str] = mapped_column(String(60), comment="Account name, or 'schedule'")
    scope: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, server_default="{}", comment="villages, cameras, vendor; empty: all"
    )
    started_at: Mapped[datetime | None] = mapped_column()
    finished_at: Mapped[datetime | None] = mapped_column()
    cameras: Mapped[int] = mapped_column(default=0, comment="Cameras to look at")
    looked: Mapped[int] = mapped_column(default=0, server_default="0", comment="Cameras looked at so far")
    faulty: Mapped[int] = mapped_column(default=0, comment="Cameras with an open fault at its end")


class Inspection(Base):
    __tablename__ = "look"
    __table_args__ = (Index(None, "camera", "at"), {"comment": "One look at one camera: figures and what they say"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    round: Mapped[int] = mapped_column(ForeignKey("patrol_round.id"), index=True)
    camera: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column()
    findings: Mapped[dict[str, Any]] = mapped_column(
        JSON, comment="Fault family → figures that speak for it; empty: nothing found"
    )
    untestable: Mapped[list[str]] = mapped_column(
        JSON, default=list, server_default="[]", comment="Families that this look says nothing about"
    )
    figures: Mapped[dict[str, Any]] = mapped_column(
        JSON, comment="What was measured (health.picture.measurement, health.checks.stream)"
    )
    light: Mapped[str] = mapped_column(
        String(6), default="", server_default="", comment="day, night; empty: no picture"
    )
    accepted: Mapped[bool] = mapped_column(
        default=False, server_default="0", comment="Belongs to what the camera usually looks like"
    )
    anchor: Mapped[bool] = mapped_column(
        default=False, server_default="0", comment="Of the first days of a view: never forgotten"
    )
    features: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="Packed figures (health.picture.measurement), kept for some days"
    )
    picture: Mapped[str | None] = mapped_column(
        String(300), comment="JPEG kept as evidence or reference, below the data folder"
    )


class CameraBaseline(Base):
    __tablename__ = "camera_sight"
    __table_args__ = ({"comment": "What patrol knows of a camera beside its looks"},)

    camera: Mapped[str] = mapped_column(String(40), primary_key=True)
    view: Mapped[int] = mapped_column(default=1, comment="Counts a person's 'this is the new normal view'")
    since: Mapped[datetime] = mapped_column(comment="Looks from here on belong to the present view")
    at: Mapped[datetime | None] = mapped_column(comment="Last look with a picture")
    thumb: Mapped[bytes | None] = mapped_column(LargeBinary, comment="Its luminance, 90×160")
    pattern: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="What stays of the view (health.picture.view_pattern): mean fine contrast, 90×160"
    )
    patterned: Mapped[int] = mapped_column(default=0, server_default="0", comment="Looks in it")
    sky_at: Mapped[datetime | None] = mapped_column(comment="When it last showed what its neighbours showed too")
    next_look_at: Mapped[datetime | None] = mapped_column(
        index=True, comment="Inspected again then, before the next round"
    )
    fps: Mapped[float | None] = mapped_column(comment="Habit: median of accepted looks")
    bitrate: Mapped[float | None] = mapped_column(comment="Habit, bits a second")
    change: Mapped[float | None] = mapped_column(
        comment="Habit: grey levels by which even the calm quarter of its rounds differs"
    )


class ReferenceScene(Base):
    __tablename__ = "reference_scene"
    __table_args__ = ({"comment": "A good picture's luminance for each hour of the day"},)

    camera: Mapped[str] = mapped_column(String(40), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="Local, 0…23")
    view: Mapped[int] = mapped_column()
    at: Mapped[datetime] = mapped_column()
    thumb: Mapped[bytes] = mapped_column(LargeBinary, comment="90×160")


class Fault(Base):
    __tablename__ = "fault"
    __table_args__ = (Index(None, "camera", "family", "state"), {"comment": "Faults: suspected, open, closed"})

    id: Mapped[int] = mapped_column(primary_key=True)
    camera: Mapped[str] = mapped_column(String(40), comment="Empty: of a village, a switch or the station itself")
    village: Mapped[str | None] = mapped_column(String(40), comment="Whose it is; null: the station's own")
    family: Mapped[str] = mapped_column(String(20), comment="health.faults.state_machine.FAMILIES")
    state: Mapped[str] = mapped_column(String(12), comment="suspect, open, recovering, closed, dismissed")
    severity: Mapped[int] = mapped_column(comment="1 evidence is being lost … 4 cosmetic")
    detail: Mapped[str] = mapped_column(String(300), default="")
    figures: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, server_default="{}", comment="What spoke for it last"
    )
    facts: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, server_default="{}", comment="The state machine's memory"
    )
    first_seen: Mapped[datetime] = mapped_column(comment="First look that showed it")
    opened_at: Mapped[datetime | None] = mapped_column()
    closed_at: Mapped[datetime | None] = mapped_column()
    times: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="How often it opened: back within a day it is the same fault"
    )
    looks: Mapped[int] = mapped_column(default=1, comment="Looks that could judge it")
    acknowledged_by: Mapped[str | None] = mapped_column(String(60), comment="Who has seen it; closes nothing")
    verdict: Mapped[str | None] = mapped_column(String(12), comment="A person's: real, false, watch")
    order: Mapped[int | None] = mapped_column(index=True, comment="Work order that mends it")
    picture: Mapped[str | None] = mapped_column(String(300), comment="Evidence: the picture that opened it")
    reference: Mapped[str | None] = mapped_column(String(300), comment="A good picture of the same camera")


class Maintenance(Base):
    __tablename__ = "maintenance"
    __table_args__ = ({"comment": "Planned work: what is seen meanwhile is no fault"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    camera: Mapped[str | None] = mapped_column(String(40), comment="One camera, or")
    village: Mapped[str | None] = mapped_column(String(40), comment="all of a village")
    start: Mapped[datetime] = mapped_column()
    until: Mapped[datetime] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(String(60))


class WorkOrder(Base):
    __tablename__ = "work_order"
    __table_args__ = ({"comment": "What somebody is to mend (工单)"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    village: Mapped[str | None] = mapped_column(String(40), index=True)
    camera: Mapped[str | None] = mapped_column(String(40), comment="Null: of several cameras")
    title: Mapped[str] = mapped_column(String(120))
    state: Mapped[str] = mapped_column(
        String(12), index=True, comment="new, assigned, working, parts, verifying, closed, refused, merged"
    )
    severity: Mapped[int] = mapped_column()
    vendor: Mapped[str] = mapped_column(String(80), default="", comment="Who mends it")
    assignee: Mapped[str] = mapped_column(String(60), default="")
    created_at: Mapped[datetime] = mapped_column()
    created_by: Mapped[str] = mapped_column(String(60))
    respond_by: Mapped[datetime] = mapped_column()
    mend_by: Mapped[datetime] = mapped_column()
    mended_at: Mapped[datetime | None] = mapped_column(comment="Said to be mended; the machine watches it from here")
    closed_at: Mapped[datetime | None] = mapped_column()
    reopened: Mapped[int] = mapped_column(default=0, comment="How often it was not mended after all")
    reminded: Mapped[int] = mapped_column(default=0, comment="Reminders sent: one, two, then escalated")
    cost: Mapped[float | None] = mapped_column(comment="Yuan")
    warranty: Mapped[bool] = mapped_column(default=False, comment="The maker pays")
    merged_into: Mapped[int | None] = mapped_column()


class WorkOrderNote(Base):
    __tablename__ = "work_order_note"
    __table_args__ = ({"comment": "What happened to a work order; append-only"},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order: Mapped[int] = mapped_column(ForeignKey("work_order.id"), index=True)
    at: Mapped[datetime] = mapped_column()
    by: Mapped[str] = mapped_column(String(60))
    step: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(String(400), default="")


class WorkOrderPhoto(Base):
    __tablename__ = "work_order_photo"
    __table_args__ = ({"comment": "Photos of what was mended; hardware, no footage"},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order: Mapped[int] = mapped_column(ForeignKey("work_order.id"), index=True)
    at: Mapped[datetime] = mapped_column()
    by: Mapped[str] = mapped_column(String(60))
    path: Mapped[str] = mapped_column(String(300), comment="JPEG below the data folder")


class TourVerdict(Base):
    __tablename__ = "tour_verdict"
    __table_args__ = (Index(None, "by", "at"), {"comment": "What persons said of pictures on their tours"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column()
    by: Mapped[str] = mapped_column(String(60))
    camera: Mapped[str] = mapped_column(String(40))
    blind: Mapped[bool] = mapped_column(comment="The machine had called it normal")
    verdict: Mapped[str] = mapped_column(String(8), comment="normal, faulty")
    family: Mapped[str] = mapped_column(String(20), default="", comment="What it is, where it is faulty")


class CameraDay(Base):
    __tablename__ = "camera_day"
    __table_args__ = (
        Index(None, "village", "day"),
        {"comment": "What a camera did on a local day that is over; written once (health.kpi.camera_days). Seconds"},
    )

    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="Local day")
    camera: Mapped[str] = mapped_column(String(40), primary_key=True)
    village: Mapped[str] = mapped_column(String(40), comment="Its village, contractor and sponsor on that day")
    vendor: Mapped[str] = mapped_column(String(80))
    sponsor: Mapped[str] = mapped_column(String(80))
    service: Mapped[float] = mapped_column(comment="In use, planned work left out")
    offline: Mapped[float] = mapped_column(comment="Of these, nothing came from it")
    unknown: Mapped[float] = mapped_column(comment="Of these, nobody knows")
    required: Mapped[float] = mapped_column(comment="Of these, its main stream was to be recorded")
    recorded: Mapped[float] = mapped_column(comment="Of these, it was")
    missing: Mapped[dict[str, float]] = mapped_column(JSON, comment="required - recorded, by cause")
    looked: Mapped[bool] = mapped_column(comment="Patrol looked at it")
    intact: Mapped[bool | None] = mapped_column(
        comment="No fault of severity 1 or 2 was open at the end; null: not looked at"
    )
    clock_right: Mapped[bool | None] = mapped_column(comment="Within 2 s; null: not known")
    short_holes: Mapped[int | None] = mapped_column(BigInteger, comment="Holes below a second; null: not counted then")
    short_hole_seconds: Mapped[float | None] = mapped_column(comment="What is missing in them; it counts as recorded")
    reconstructed: Mapped[bool] = mapped_column(comment="Written long after the day, from what was left of its facts")


class WrittenDay(Base):
    __tablename__ = "written_day"
    __table_args__ = ({"comment": "Days whose rows of camera_day are complete, also where there are none"},)

    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="Local day")
    cameras: Mapped[int] = mapped_column(comment="How many were in use on it")


class DailyFigures(Base):
    __tablename__ = "daily_figures"
    __table_args__ = ({"comment": "Figures of each day that is over, by whom they concern"},)

    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="Local day")
    kind: Mapped[str] = mapped_column(String(8), primary_key=True, comment="town, village, vendor, sponsor")
    name: Mapped[str] = mapped_column(String(80), primary_key=True, comment="Code or name; empty: the town")
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, comment="health.kpi.figures.Figures")


class DailyRegister(Base):
    __tablename__ = "daily_register"
    __table_args__ = ({"comment": "The day's patrol, signed by a person (巡检登记)"},)

    day: Mapped[str] = mapped_column(String(10), primary_key=True, comment="Local day")
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, comment="As it was signed")
    digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the figures")
    signed_by: Mapped[str] = mapped_column(String(60))
    signed_at: Mapped[datetime] = mapped_column()
    remark: Mapped[str] = mapped_column(String(400), default="")


class RegisterSupplement(Base):
    __tablename__ = "register_supplement"
    __table_args__ = ({"comment": "What became known of a day after its register was signed, signed likewise"},)

    day: Mapped[str] = mapped_column(
        String(10), primary_key=True, comment="Local day of the register that it belongs to"
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="1, 2, … of the day")
    figures: Mapped[dict[str, Any]] = mapped_column(
        JSON, comment="What was not in the register or an earlier supplement"
    )
    digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the digest before it and the figures")
    signed_by: Mapped[str] = mapped_column(String(60))
    signed_at: Mapped[datetime] = mapped_column()
    remark: Mapped[str] = mapped_column(String(400), default="")
