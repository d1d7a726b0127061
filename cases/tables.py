"""Tables of cases: cases, watch-list subjects, alerts, shifts of the duty desk."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from pydantic import JsonValue
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, EnumText
from core.events import BigId


class SubjectState(StrEnum):
    """proposed → active → ended, or proposed → refused."""

    PROPOSED = "proposed"
    ACTIVE = "active"  # approved by a second person
    REFUSED = "refused"
    ENDED = "ended"  # taken off the list before its time
    EXPIRED = "expired"  # shown instead of proposed or active after the expiry; never stored


class AlertState(StrEnum):
    """new → dispatched → acked → under way → answered → closed; `cases.alerts.steps.FROM` has every step."""

    NEW = "new"
    DISPATCHED = "dispatched"  # patrol officers see it
    ACKED = "acked"  # one of them took it
    ANSWERED = "answered"
    REJECTED = "rejected"
    RECALLED = "recalled"  # taken back within a minute of dispatch; patrol officers no longer see it
    UNDER_WAY = "under_way"  # who took it has arrived
    CLOSED = "closed"  # a video officer says what it was


class AlertOutcome(StrEnum):
    """What an alert was, as the video officer who closed it says."""

    TRUE_ALARM = "true_alarm"
    FALSE_ALARM = "false_alarm"
    DUPLICATE = "duplicate"


class AlertStepKind(StrEnum):
    """What somebody did with an alert."""

    DISPATCHED = "dispatched"
    REJECTED = "rejected"
    RECALLED = "recalled"
    SNOOZED = "snoozed"
    ACKED = "acked"
    DECLINED = "declined"  # an officer cannot come
    ARRIVED = "arrived"
    ANSWERED = "answered"
    CLOSED = "closed"


class AlertAnswer(StrEnum):
    """What the officer who took an alert found."""

    CAUGHT = "caught"
    NOT_SEEN = "not_seen"
    FALSE_ALARM = "false_alarm"


class Case(Base):
    __tablename__ = "case_file"
    __table_args__ = (UniqueConstraint("village", "number"), {"comment": "Case register"})

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    number: Mapped[str] = mapped_column(String(40), comment="The case number, once in each village")
    title: Mapped[str] = mapped_column(String(120), comment="Title, as officers gave it")
    village: Mapped[str | None] = mapped_column(String(40), comment="Village code; null: the whole town")
    opened_at: Mapped[datetime] = mapped_column(comment="When the case was opened (UTC)")
    opened_by: Mapped[str] = mapped_column(String(60), comment="Account that opened it")
    closed_at: Mapped[datetime | None] = mapped_column(comment="When the case was closed (UTC); null: open")
    closed_by: Mapped[str | None] = mapped_column(String(60), comment="Account that closed it")


class WatchSubject(Base):
    __tablename__ = "watch_subject"
    __table_args__ = (
        CheckConstraint("approved_by IS NULL OR approved_by <> proposed_by", name="second_person"),
        {"comment": "Whom or what to look out for: words and examples, approved by a second person, expiring"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    case: Mapped[int] = mapped_column(ForeignKey("case_file.id"), index=True, comment="Case that needs it")
    title: Mapped[str] = mapped_column(String(120), comment="Title, as officers gave it")
    cls: Mapped[str] = mapped_column(String(16), comment="First object class (search.vocabulary), for lists")
    upper: Mapped[str | None] = mapped_column(String(10), comment="First colour of the upper part; null: any")
    lower: Mapped[str | None] = mapped_column(String(10), comment="First colour of the lower part; null: any")
    villages: Mapped[list[str] | None] = mapped_column(JSON, comment="Where; null: the whole town")
    reason: Mapped[str] = mapped_column(String(400), comment="Why the subject is watched for")
    state: Mapped[SubjectState] = mapped_column(EnumText(SubjectState, 10), comment="proposed, active, refused, ended")
    proposed_by: Mapped[str] = mapped_column(String(60), comment="Account that proposed it")
    proposed_at: Mapped[datetime] = mapped_column(comment="When it was proposed (UTC)")
    approved_by: Mapped[str | None] = mapped_column(
        String(60), comment="Account that approved, refused or renewed it; null: not decided"
    )
    approved_at: Mapped[datetime | None] = mapped_column(comment="When that was (UTC)")
    expires_at: Mapped[datetime] = mapped_column(comment="Matches nothing from here on")
    words: Mapped[dict[str, JsonValue]] = mapped_column(
        JSON, default=dict, server_default="{}",
        comment="Whom, where and at what hours, in words of search (SubjectWords); empty: class and colours here",
    )  # fmt: skip
    likeness: Mapped[float] = mapped_column(
        default=0.0, server_default="0", comment="Least cosine to one of its examples"
    )
    threshold_at: Mapped[datetime | None] = mapped_column(comment="When that was last changed (UTC); null: never")
    ended_by: Mapped[str | None] = mapped_column(String(60), comment="Who took it off the list before its time")
    ended_at: Mapped[datetime | None] = mapped_column(comment="When that was (UTC); null: not ended by a person")
    look_back_to: Mapped[datetime | None] = mapped_column(comment="Start of the pending look-back")
    looked_back_at: Mapped[datetime | None] = mapped_column(
        comment="When the matcher last worked on it; null: it waits"
    )
    auto_dispatch: Mapped[bool] = mapped_column(default=False, comment="The approver lets alerts go out unconfirmed")

    def is_active(self, now: datetime) -> bool:
        """Return whether the subject matches sightings now: approved, not ended, not expired."""
        return self.state is SubjectState.ACTIVE and self.expires_at > now

    def shown_state(self, now: datetime) -> SubjectState:
        """Return the state, or EXPIRED for a proposed or active subject after its expiry."""
        open_ended = self.state in (SubjectState.ACTIVE, SubjectState.PROPOSED)
        return SubjectState.EXPIRED if open_ended and self.expires_at <= now else self.state


class ExampleSource(StrEnum):
    """Where an example picture comes from."""

    SIGHTING = "sighting"
    FRAME = "frame"  # a box on a recorded picture
    UPLOAD = "upload"


class WatchExample(Base):
    __tablename__ = "watch_example"
    __table_args__ = {"comment": "Example pictures of subjects; those of no subject wait for a proposal"}

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    subject: Mapped[int | None] = mapped_column(
        ForeignKey("watch_subject.id"), index=True, comment="Subject; null: not proposed yet"
    )
    source: Mapped[ExampleSource] = mapped_column(EnumText(ExampleSource, 10), comment="sighting, frame, upload")
    cls: Mapped[str] = mapped_column(String(16), comment="Object class that was seen in it")
    vector: Mapped[bytes] = mapped_column(LargeBinary, comment="How it looks: 256 signed bytes of the pack's vector")
    embedder: Mapped[str] = mapped_column(String(80), comment="Pack of the vector")
    picture: Mapped[str] = mapped_column(String(200), comment="Path below the data folder; empty: not kept")
    added_by: Mapped[str] = mapped_column(String(60), comment="Account that chose it")
    added_at: Mapped[datetime] = mapped_column(comment="When it was chosen (UTC)")


class MutingState(StrEnum):
    """proposed → accepted, or proposed → dismissed."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


class WatchMuting(Base):
    __tablename__ = "watch_muting"
    __table_args__ = (
        UniqueConstraint("subject", "camera", "day"),
        Index(None, "state", "ends_at"),
        {"comment": "Cameras on which a subject gave false alarms only, proposed for silence until the day ends"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    subject: Mapped[int] = mapped_column(ForeignKey("watch_subject.id"), comment="Subject that gave false alarms")
    camera: Mapped[str] = mapped_column(String(40), comment="Camera id")
    village: Mapped[str] = mapped_column(String(40), comment="Village code of the camera")
    day: Mapped[date] = mapped_column(comment="Local day of the false alarms")
    false_alarms: Mapped[int] = mapped_column(comment="How many there were when it was proposed")
    state: Mapped[MutingState] = mapped_column(EnumText(MutingState, 10), comment="proposed, accepted, dismissed")
    proposed_at: Mapped[datetime] = mapped_column(comment="When the station proposed it (UTC)")
    decided_by: Mapped[str | None] = mapped_column(String(60), comment="Officer who decided; null: nobody yet")
    decided_at: Mapped[datetime | None] = mapped_column(comment="When that was (UTC)")
    ends_at: Mapped[datetime] = mapped_column(comment="End of the local day, or the subject's expiry (UTC)")


class Alert(Base):
    __tablename__ = "alert"
    __table_args__ = (
        Index(None, "state", "id"),
        Index(None, "subject", "camera", "at_us"),
        Index(None, "camera", "at_us"),
        CheckConstraint("state <> 'under_way' OR (acked_by IS NOT NULL AND arrived_at IS NOT NULL)", name="arrived"),
        CheckConstraint("state <> 'closed' OR (closed_by IS NOT NULL AND outcome IS NOT NULL)", name="closed"),
        {"comment": "A sighting that fits a subject"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    subject: Mapped[int] = mapped_column(ForeignKey("watch_subject.id"), comment="Subject that matched")
    sighting: Mapped[int] = mapped_column(
        BigInteger, comment="Id of the sighting in the sighting store; 0: a person raised the alert"
    )
    camera: Mapped[str] = mapped_column(String(40), comment="Camera id of the sighting")
    village: Mapped[str] = mapped_column(String(40), comment="Village code of the camera")
    at_us: Mapped[int] = mapped_column(BigInteger, comment="When it was seen, µs UTC")
    thumbnail: Mapped[str] = mapped_column(
        String(200), comment="Path of the picture below the data folder; empty: none"
    )
    state: Mapped[AlertState] = mapped_column(
        EnumText(AlertState, 12), comment="new, dispatched, acked, under_way, answered, closed, rejected, recalled"
    )
    raised_at: Mapped[datetime] = mapped_column(comment="When the match was found (UTC)")
    confirmed_by: Mapped[str | None] = mapped_column(
        String(60), comment="Who looked and sent it out; 'auto' by the approver's rule"
    )
    confirmed_at: Mapped[datetime | None] = mapped_column(comment="When an officer confirmed or rejected it (UTC)")
    acked_by: Mapped[str | None] = mapped_column(String(60), comment="Account that acknowledged it")
    acked_at: Mapped[datetime | None] = mapped_column(comment="When it was acknowledged (UTC)")
    answer: Mapped[AlertAnswer | None] = mapped_column(
        EnumText(AlertAnswer, 20), comment="caught, not_seen, false_alarm"
    )
    note: Mapped[str] = mapped_column(String(400), default="", comment="Words of the officers")
    answered_by: Mapped[str | None] = mapped_column(String(60), comment="Account of the patrol officer who answered")
    answered_at: Mapped[datetime | None] = mapped_column(comment="When the patrol officer answered (UTC)")
    recalled_by: Mapped[str | None] = mapped_column(String(60), comment="Account that took it back; null: nobody")
    recalled_at: Mapped[datetime | None] = mapped_column(comment="When it was taken back (UTC)")
    arrived_at: Mapped[datetime | None] = mapped_column(comment="When the officer who took it arrived (UTC)")
    snoozed_until: Mapped[datetime | None] = mapped_column(
        comment="A new alert does not ring in the console until then (UTC)"
    )
    outcome: Mapped[AlertOutcome | None] = mapped_column(
        EnumText(AlertOutcome, 12), comment="true_alarm, false_alarm, duplicate; null: not closed"
    )
    duplicate_of: Mapped[int | None] = mapped_column(comment="Alert of the same matter; null: none is named")
    closed_by: Mapped[str | None] = mapped_column(String(60), comment="Account of the video officer who closed it")
    closed_at: Mapped[datetime | None] = mapped_column(comment="When it was closed (UTC)")


class AlertStep(Base):
    """What somebody did with an alert. `at` is the station's time; see cases.alerts.phone_time."""

    __tablename__ = "alert_step"
    __table_args__ = (
        UniqueConstraint("by", "client_id"),
        {"comment": "What was done with alerts, by whom, when and where; append-only"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    alert: Mapped[int] = mapped_column(ForeignKey("alert.id"), index=True, comment="Alert")
    kind: Mapped[AlertStepKind] = mapped_column(
        EnumText(AlertStepKind, 12),
        comment="dispatched, rejected, recalled, snoozed, acked, declined, arrived, answered, closed",
    )
    at: Mapped[datetime] = mapped_column(comment="When it was done, by the station's clock (UTC)")
    recorded_at: Mapped[datetime] = mapped_column(comment="When the station learned of it (UTC)")
    by: Mapped[str] = mapped_column(String(60), comment="Account; 'auto' by the approver's rule")
    text: Mapped[str] = mapped_column(String(400), default="", comment="Reason or words")
    client_id: Mapped[str | None] = mapped_column(
        String(36), comment="UUID that the phone gave it: a repeated request applies once; null: not from a phone"
    )
    phone_at: Mapped[datetime | None] = mapped_column(comment="When it was done, by the phone's clock (UTC)")
    clock_offset_s: Mapped[float | None] = mapped_column(
        Float, comment="Station's clock minus the phone's, seconds; null: the phone did not tell its time"
    )
    latitude: Mapped[float | None] = mapped_column(Float, comment="Where, degrees north (WGS 84); null: unknown")
    longitude: Mapped[float | None] = mapped_column(Float, comment="Where, degrees east (WGS 84); null: unknown")
    accuracy_m: Mapped[float | None] = mapped_column(Float, comment="Radius of 68 % confidence, m; null: unknown")


class CallKind(StrEnum):
    """Whom a call of an alert reaches."""

    UNIT = "unit"
    ON_DUTY = "on_duty"  # the officers of the village on duty
    EVERYBODY = "everybody"  # all officers of the village
    LEADERS = "leaders"


class AlertCall(Base):
    """Officers whom an alert calls at a time, if nobody has taken it by then."""

    __tablename__ = "alert_call"
    __table_args__ = ({"comment": "Who is called for alerts, and when; written with the dispatch; append-only"},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    alert: Mapped[int] = mapped_column(ForeignKey("alert.id"), index=True, comment="Alert")
    round: Mapped[int] = mapped_column(comment="1, and one more for each officer who could not come; the newest counts")
    kind: Mapped[CallKind] = mapped_column(EnumText(CallKind, 10), comment="unit, on_duty, everybody, leaders")
    unit: Mapped[int | None] = mapped_column(comment="Unit that is called; null: officers of any unit")
    accounts: Mapped[list[str]] = mapped_column(JSON, comment="Accounts that are called")
    due_at: Mapped[datetime] = mapped_column(comment="When they are called, unless somebody has taken the alert (UTC)")


class AlertTrail(Base):
    """A later sighting of an open alert's subject."""

    __tablename__ = "alert_trail"
    __table_args__ = (Index(None, "camera", "at_us"), {"comment": "Where the subject of an alert was seen afterwards"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    alert: Mapped[int] = mapped_column(ForeignKey("alert.id"), index=True, comment="Alert")
    sighting: Mapped[int] = mapped_column(
        BigInteger, comment="Id of the sighting in the sighting store; 0: a person saw the subject"
    )
    camera: Mapped[str] = mapped_column(String(40), comment="Camera id of the sighting")
    village: Mapped[str] = mapped_column(String(40), comment="Village code of the camera")
    at_us: Mapped[int] = mapped_column(BigInteger, comment="When it was seen, µs UTC")
    thumbnail: Mapped[str] = mapped_column(
        String(200), comment="Path of the picture below the data folder; empty: none"
    )
    direction: Mapped[int | None] = mapped_column(
        comment="Direction in the picture (search.vocabulary.Direction); null: unknown"
    )
    heading: Mapped[float | None] = mapped_column(
        Float, comment="Direction on the map, degrees clockwise from north; null: unknown"
    )
    recorded_at: Mapped[datetime] = mapped_column(comment="When it joined the alert (UTC)")
    by: Mapped[str] = mapped_column(String(60), comment="'system', or the account that saw the subject")


class AlertPhoto(Base):
    __tablename__ = "alert_photo"
    __table_args__ = ({"comment": "Photos that officers took where an alert led them"},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    alert: Mapped[int] = mapped_column(ForeignKey("alert.id"), index=True, comment="Alert")
    at: Mapped[datetime] = mapped_column(comment="When it was uploaded (UTC)")
    by: Mapped[str] = mapped_column(String(60), comment="Account of the officer who took it")
    path: Mapped[str] = mapped_column(String(200), comment="JPEG below the data folder")


class Shift(Base):
    __tablename__ = "shift"
    __table_args__ = ({"comment": "Shifts of the duty desk (值班): who had it, from one signature to the next"},)

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    officer: Mapped[str] = mapped_column(String(60), comment="Account that signed")
    officer_name: Mapped[str] = mapped_column(String(80), comment="Name of the person, as it was when he signed")
    since: Mapped[datetime] = mapped_column(comment="Begin of the shift (UTC)")
    until: Mapped[datetime | None] = mapped_column(comment="When the next shift began (UTC); null: still on duty")
    note: Mapped[str] = mapped_column(String(1000), default="", comment="Words of the officer who took it over")
    signed_at: Mapped[datetime] = mapped_column(comment="When the take-over was signed (UTC)")
    follows: Mapped[int] = mapped_column(
        unique=True, comment="Shift before; 0: the first. Unique: two persons cannot take over the same shift"
    )


class ShiftNote(Base):
    __tablename__ = "shift_note"
    __table_args__ = ({"comment": "Notes of a shift for the next one; append-only"},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    shift: Mapped[int] = mapped_column(ForeignKey("shift.id"), index=True, comment="Shift")
    at: Mapped[datetime] = mapped_column(comment="When it was written (UTC)")
    by: Mapped[str] = mapped_column(String(60), comment="Account that wrote it")
    text: Mapped[str] = mapped_column(String(1000), comment="Words of the officer")
