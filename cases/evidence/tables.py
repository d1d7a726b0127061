"""Tables of evidence: requests for footage, their cameras, approvals, steps and hand-overs.

Triggers (migration 0054) refuse what no step may do: a transition that `TRANSITIONS` lacks, a release without its
approvals, an approval by the person who asked, a custodian who asked or approved (R-ROLE-2), a change of what was asked
after it was submitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, EnumText
from core.events import BigId


class EvidenceState(StrEnum):
    """Where a request is (R-EXP-1)."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REFUSED = "refused"
    EXTRACTING = "extracting"
    SEALED = "sealed"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"
    EXPIRED = "expired"  # nobody decided, extracted or fetched it in time
    CANCELLED = "cancelled"


S = EvidenceState
TRANSITIONS: Mapping[EvidenceState, frozenset[EvidenceState]] = {
    S.DRAFT: frozenset({S.SUBMITTED, S.CANCELLED}),
    S.SUBMITTED: frozenset({S.APPROVED, S.REFUSED, S.EXPIRED, S.CANCELLED}),
    S.APPROVED: frozenset({S.EXTRACTING, S.EXPIRED, S.CANCELLED}),
    S.EXTRACTING: frozenset({S.SEALED, S.CANCELLED}),
    S.SEALED: frozenset({S.HANDED_OVER, S.EXPIRED}),
    S.HANDED_OVER: frozenset({S.CLOSED}),
    S.REFUSED: frozenset(), S.CLOSED: frozenset(), S.EXPIRED: frozenset(), S.CANCELLED: frozenset(),
}  # fmt: skip


class LegalGround(StrEnum):
    """Why footage may leave the station (R-EXP-2)."""

    CASE = "case"
    EVIDENCE_NOTICE = "evidence_notice"  # 调取证据通知书
    ADMINISTRATIVE = "administrative"
    EMERGENCY = "emergency"


class EvidenceStepKind(StrEnum):
    """What somebody did with a request."""

    CREATED = "created"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    APPROVED_BY_PHONE = "approved_by_phone"
    CONFIRMED = "confirmed"  # the approver confirms what was recorded of his telephone call
    DENIED = "denied"  # the approver says that he did not approve by telephone
    REFUSED = "refused"
    EXTRACTION = "extraction"
    SEALED = "sealed"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class EvidenceRequest(Base):
    __tablename__ = "evidence_request"
    __table_args__ = (
        CheckConstraint("end_us > start_us", name="range"),
        CheckConstraint("approvals_needed >= 1", name="approvals"),
        CheckConstraint("officer_number <> second_officer_number", name="two_officers"),
        Index(None, "state", "submitted_at"),
        {"comment": "Requests for footage as evidence, permanent (R-EXP, R-AUD-2)"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    number: Mapped[str] = mapped_column(String(20), unique=True, comment="E-<year>-<number of the year>")
    follows: Mapped[int | None] = mapped_column(
        ForeignKey("evidence_request.id"), comment="The refused, expired or closed request that it asks again for"
    )
    case: Mapped[int | None] = mapped_column(ForeignKey("case_file.id"), index=True, comment="Case; null: none")
    ground: Mapped[LegalGround] = mapped_column(
        EnumText(LegalGround, 20), comment="case, evidence_notice, administrative, emergency"
    )
    ground_number: Mapped[str] = mapped_column(String(60), comment="Number of the case or of the notice")
    purpose: Mapped[str] = mapped_column(String(400), comment="What it is needed for")
    recipient: Mapped[str] = mapped_column(String(120), comment="Unit that receives it")
    officer: Mapped[str] = mapped_column(String(60), comment="Name of the officer who asks")
    officer_number: Mapped[str] = mapped_column(String(20), comment="His police number")
    second_officer: Mapped[str] = mapped_column(String(60), comment="Name of the second officer")
    second_officer_number: Mapped[str] = mapped_column(String(20), comment="His police number")
    start_us: Mapped[int] = mapped_column(BigInteger, comment="From, µs UTC")
    end_us: Mapped[int] = mapped_column(BigInteger, comment="To, µs UTC")
    approvals_needed: Mapped[int] = mapped_column(comment="1; 2 for many cameras or a long time")
    state: Mapped[EvidenceState] = mapped_column(
        EnumText(EvidenceState, 12),
        comment="draft, submitted, approved, refused, extracting, sealed, handed_over, closed, expired, cancelled",
    )
    requested_by: Mapped[str] = mapped_column(String(60), index=True, comment="Account that asked")
    created_at: Mapped[datetime] = mapped_column(comment="When it was written down (UTC)")
    custodian: Mapped[str] = mapped_column(
        String(60), default="", server_default="", comment="Account that has the package made; empty: nobody yet"
    )
    submitted_at: Mapped[datetime | None] = mapped_column(comment="When it was submitted (UTC); null: not yet")
    due_at: Mapped[datetime | None] = mapped_column(
        comment="It expires if its next step is not taken until then (UTC); null: no limit"
    )
    problem: Mapped[str] = mapped_column(
        String(300), default="", server_default="", comment="Why the extraction does not go on; empty: it does"
    )
    package: Mapped[str] = mapped_column(
        String(40), default="", server_default="", comment="Folder of the package; empty: none, or removed"
    )
    package_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0", comment="Its size")
    manifest_sha256: Mapped[str] = mapped_column(
        String(64), default="", server_default="", comment="SHA-256 of its manifest; empty: not sealed"
    )
    key: Mapped[str] = mapped_column(
        String(64), default="", server_default="", comment="Fingerprint of the station key that signed; empty: none"
    )


class EvidenceCamera(Base):
    __tablename__ = "evidence_camera"
    __table_args__ = ({"comment": "Cameras of requests, with the village that they were in"},)

    request: Mapped[int] = mapped_column(ForeignKey("evidence_request.id"), primary_key=True, comment="Request")
    camera: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Camera id")
    village: Mapped[str] = mapped_column(String(40), comment="Village code when it was asked for")
    hold: Mapped[int | None] = mapped_column(comment="Hold that keeps its footage until the package is sealed")


class EvidenceApproval(Base):
    __tablename__ = "evidence_approval"
    __table_args__ = (
        UniqueConstraint("request", "approver"),
        {"comment": "Decisions about requests, one an approver; append-only but for the confirmation"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    request: Mapped[int] = mapped_column(ForeignKey("evidence_request.id"), comment="Request")
    approver: Mapped[str] = mapped_column(String(60), comment="Account of the approver")
    granted: Mapped[bool] = mapped_column(comment="Approved; false: refused")
    reason: Mapped[str] = mapped_column(String(400), comment="Reason; required for a refusal")
    at: Mapped[datetime] = mapped_column(comment="When (UTC)")
    recorded_by: Mapped[str] = mapped_column(
        String(60), default="", server_default="", comment="Who recorded it from a telephone call; empty: by himself"
    )
    confirm_until: Mapped[datetime | None] = mapped_column(
        comment="When a telephone approval must be confirmed (UTC); null: it needs no confirmation"
    )
    confirmed_at: Mapped[datetime | None] = mapped_column(comment="When the approver did that (UTC); null: not yet")
    is_denied: Mapped[bool] = mapped_column(
        default=False, server_default="0", comment="The approver says that he did not approve by telephone"
    )


class EvidenceStep(Base):
    __tablename__ = "evidence_step"
    __table_args__ = (
        Index(None, "request"),
        {"comment": "What was done with requests and packages: their custody; append-only"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    request: Mapped[int] = mapped_column(ForeignKey("evidence_request.id"), comment="Request")
    kind: Mapped[EvidenceStepKind] = mapped_column(EnumText(EvidenceStepKind, 20), comment="What was done")
    at: Mapped[datetime] = mapped_column(comment="When (UTC)")
    by: Mapped[str] = mapped_column(String(60), comment="Account, or 'system'")
    detail: Mapped[str] = mapped_column(String(400), comment="Reason or particulars; may be empty")


class EvidenceHandOver(Base):
    __tablename__ = "evidence_hand_over"
    __table_args__ = (
        UniqueConstraint("request", "copy"),
        {"comment": "Who received which copy of a package (R-EXP-8); append-only"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    request: Mapped[int] = mapped_column(ForeignKey("evidence_request.id"), comment="Request")
    copy: Mapped[int] = mapped_column(comment="Number of the copy, from 1")
    receiver: Mapped[str] = mapped_column(String(60), comment="Name of the person who received it")
    unit: Mapped[str] = mapped_column(String(120), comment="His unit")
    receipt: Mapped[str] = mapped_column(String(60), comment="Number of the receipt that he signed")
    medium: Mapped[str] = mapped_column(String(60), comment="Disc, disk, download …")
    at: Mapped[datetime] = mapped_column(comment="When (UTC)")
    by: Mapped[str] = mapped_column(String(60), comment="Account that handed it over")
