"""Signing keys of the station; requests for evidence with approvals, custody and hand-overs.

The triggers are written out here, not taken from the code, because a migration must stay what it was.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from core.events import BigId

revision = "0054"
down_revision = "0053"

REFUSED = "an evidence request cannot take this step"
TRANSITIONS = [
    "draft>submitted",
    "draft>cancelled",
    "submitted>approved",
    "submitted>refused",
    "submitted>expired",
    "submitted>cancelled",
    "approved>extracting",
    "approved>expired",
    "approved>cancelled",
    "extracting>sealed",
    "extracting>cancelled",
    "sealed>handed_over",
    "sealed>expired",
    "handed_over>closed",
]
ASKED = [
    "number",
    "case",
    "ground",
    "ground_number",
    "purpose",
    "recipient",
    "officer",
    "officer_number",
    "second_officer",
    "second_officer_number",
    "start_us",
    "end_us",
    "approvals_needed",
    "requested_by",
    "created_at",
]
DECIDED = ["request", "approver", "granted", "reason", "at", "recorded_by"]
TABLES = [
    "evidence_hand_over",
    "evidence_step",
    "evidence_approval",
    "evidence_camera",
    "evidence_request",
    "station_key",
]


def upgrade() -> None:
    _create_keys()
    _create_requests()
    _create_decisions()
    for statement in _trigger_statements(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for name, _, table, _ in _rules():
            op.execute(f"DROP FUNCTION {table}_{name}()")


def _create_keys() -> None:
    op.create_table(
        "station_key",
        sa.Column("fingerprint", sa.String(64), nullable=False, comment="SHA-256 of the public key"),
        sa.Column("public", sa.LargeBinary(), nullable=False, comment="Ed25519 public key, 32 bytes"),
        sa.Column(
            "sealed", sa.String(200), nullable=False, comment="Its private part, sealed by the vault (core.secrets)"
        ),
        sa.Column("made_at", UtcDateTime(), nullable=False, comment="When it was made (UTC)"),
        sa.Column("made_by", sa.String(60), nullable=False, comment="Account, or user of the machine"),
        sa.Column(
            "retired_at", UtcDateTime(), nullable=True,
            comment="When another one took its place (UTC); null: it signs",
        ),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_station_key")),
        comment="Keys with which the station signs evidence packages; the newest signs",
    )  # fmt: skip


def _create_requests() -> None:
    op.create_table(
        "evidence_request",
        sa.Column("id", sa.Integer(), nullable=False, comment="Primary key"),
        sa.Column("number", sa.String(20), nullable=False, comment="E-<year>-<number of the year>"),
        sa.Column(
            "follows", sa.Integer(), nullable=True,
            comment="The refused, expired or closed request that it asks again for",
        ),
        sa.Column("case", sa.Integer(), nullable=True, comment="Case; null: none"),
        sa.Column(
            "ground", sa.String(20), nullable=False, comment="case, evidence_notice, administrative, emergency"
        ),
        sa.Column("ground_number", sa.String(60), nullable=False, comment="Number of the case or of the notice"),
        sa.Column("purpose", sa.String(400), nullable=False, comment="What it is needed for"),
        sa.Column("recipient", sa.String(120), nullable=False, comment="Unit that receives it"),
        sa.Column("officer", sa.String(60), nullable=False, comment="Name of the officer who asks"),
        sa.Column("officer_number", sa.String(20), nullable=False, comment="His police number"),
        sa.Column("second_officer", sa.String(60), nullable=False, comment="Name of the second officer"),
        sa.Column("second_officer_number", sa.String(20), nullable=False, comment="His police number"),
        sa.Column("start_us", sa.BigInteger(), nullable=False, comment="From, µs UTC"),
        sa.Column("end_us", sa.BigInteger(), nullable=False, comment="To, µs UTC"),
        sa.Column(
            "approvals_needed", sa.Integer(), nullable=False, comment="1; 2 for many cameras or a long time"
        ),
        sa.Column(
            "state", sa.String(12), nullable=False,
            comment="draft, submitted, approved, refused, extracting, sealed, handed_over, closed, expired, cancelled",
        ),
        sa.Column("requested_by", sa.String(60), nullable=False, comment="Account that asked"),
        sa.Column("created_at", UtcDateTime(), nullable=False, comment="When it was written down (UTC)"),
        sa.Column(
            "custodian", sa.String(60), nullable=False, server_default="",
            comment="Account that has the package made; empty: nobody yet",
        ),
        sa.Column("submitted_at", UtcDateTime(), nullable=True, comment="When it was submitted (UTC); null: not yet"),
        sa.Column(
            "due_at", UtcDateTime(), nullable=True,
            comment="It expires if its next step is not taken until then (UTC); null: no limit",
        ),
        sa.Column(
            "problem", sa.String(300), nullable=False, server_default="",
            comment="Why the extraction does not go on; empty: it does",
        ),
        sa.Column(
            "package", sa.String(40), nullable=False, server_default="",
            comment="Folder of the package; empty: none, or removed",
        ),
        sa.Column("package_bytes", sa.BigInteger(), nullable=False, server_default="0", comment="Its size"),
        sa.Column(
            "manifest_sha256", sa.String(64), nullable=False, server_default="",
            comment="SHA-256 of its manifest; empty: not sealed",
        ),
        sa.Column(
            "key", sa.String(64), nullable=False, server_default="",
            comment="Fingerprint of the station key that signed; empty: none",
        ),
        sa.CheckConstraint("end_us > start_us", name=op.f("ck_evidence_request_range")),
        sa.CheckConstraint("approvals_needed >= 1", name=op.f("ck_evidence_request_approvals")),
        sa.CheckConstraint(
            "officer_number <> second_officer_number", name=op.f("ck_evidence_request_two_officers")
        ),
        sa.ForeignKeyConstraint(
            ["follows"], ["evidence_request.id"], name=op.f("fk_evidence_request_follows_evidence_request")
        ),
        sa.ForeignKeyConstraint(["case"], ["case_file.id"], name=op.f("fk_evidence_request_case_case_file")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_request")),
        sa.UniqueConstraint("number", name=op.f("uq_evidence_request_number")),
        comment="Requests for footage as evidence, permanent (R-EXP, R-AUD-2)",
    )  # fmt: skip
    op.create_index(op.f("ix_evidence_request_case"), "evidence_request", ["case"])
    op.create_index(op.f("ix_evidence_request_requested_by"), "evidence_request", ["requested_by"])
    op.create_index(op.f("ix_evidence_request_state_submitted_at"), "evidence_request", ["state", "submitted_at"])
    op.create_table(
        "evidence_camera",
        sa.Column("request", sa.Integer(), nullable=False, comment="Request"),
        sa.Column("camera", sa.String(40), nullable=False, comment="Camera id"),
        sa.Column("village", sa.String(40), nullable=False, comment="Village code when it was asked for"),
        sa.Column(
            "hold", sa.Integer(), nullable=True, comment="Hold that keeps its footage until the package is sealed"
        ),
        _of_request("evidence_camera"),
        sa.PrimaryKeyConstraint("request", "camera", name=op.f("pk_evidence_camera")),
        comment="Cameras of requests, with the village that they were in",
    )


def _create_decisions() -> None:
    op.create_table(
        "evidence_approval",
        sa.Column("id", BigId, nullable=False, comment="Primary key"),
        sa.Column("request", sa.Integer(), nullable=False, comment="Request"),
        sa.Column("approver", sa.String(60), nullable=False, comment="Account of the approver"),
        sa.Column("granted", sa.Boolean(), nullable=False, comment="Approved; false: refused"),
        sa.Column("reason", sa.String(400), nullable=False, comment="Reason; required for a refusal"),
        sa.Column("at", UtcDateTime(), nullable=False, comment="When (UTC)"),
        sa.Column(
            "recorded_by", sa.String(60), nullable=False, server_default="",
            comment="Who recorded it from a telephone call; empty: by himself",
        ),
        sa.Column(
            "confirm_until", UtcDateTime(), nullable=True,
            comment="When a telephone approval must be confirmed (UTC); null: it needs no confirmation",
        ),
        sa.Column(
            "confirmed_at", UtcDateTime(), nullable=True, comment="When the approver did that (UTC); null: not yet"
        ),
        sa.Column(
            "is_denied", sa.Boolean(), nullable=False, server_default=sa.false(),
            comment="The approver says that he did not approve by telephone",
        ),
        _of_request("evidence_approval"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_approval")),
        sa.UniqueConstraint("request", "approver", name=op.f("uq_evidence_approval_request_approver")),
        comment="Decisions about requests, one an approver; append-only but for the confirmation",
    )  # fmt: skip
    op.create_table(
        "evidence_step",
        sa.Column("id", BigId, nullable=False, comment="Primary key"),
        sa.Column("request", sa.Integer(), nullable=False, comment="Request"),
        sa.Column("kind", sa.String(20), nullable=False, comment="What was done"),
        sa.Column("at", UtcDateTime(), nullable=False, comment="When (UTC)"),
        sa.Column("by", sa.String(60), nullable=False, comment="Account, or 'system'"),
        sa.Column("detail", sa.String(400), nullable=False, comment="Reason or particulars; may be empty"),
        _of_request("evidence_step"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_step")),
        comment="What was done with requests and packages: their custody; append-only",
    )
    op.create_index(op.f("ix_evidence_step_request"), "evidence_step", ["request"])
    op.create_table(
        "evidence_hand_over",
        sa.Column("id", BigId, nullable=False, comment="Primary key"),
        sa.Column("request", sa.Integer(), nullable=False, comment="Request"),
        sa.Column("copy", sa.Integer(), nullable=False, comment="Number of the copy, from 1"),
        sa.Column("receiver", sa.String(60), nullable=False, comment="Name of the person who received it"),
        sa.Column("unit", sa.String(120), nullable=False, comment="His unit"),
        sa.Column("receipt", sa.String(60), nullable=False, comment="Number of the receipt that he signed"),
        sa.Column("medium", sa.String(60), nullable=False, comment="Disc, disk, download …"),
        sa.Column("at", UtcDateTime(), nullable=False, comment="When (UTC)"),
        sa.Column("by", sa.String(60), nullable=False, comment="Account that handed it over"),
        _of_request("evidence_hand_over"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_hand_over")),
        sa.UniqueConstraint("request", "copy", name=op.f("uq_evidence_hand_over_request_copy")),
        comment="Who received which copy of a package (R-EXP-8); append-only",
    )


def _of_request(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["request"], ["evidence_request.id"], name=op.f(f"fk_{table}_request_evidence_request")
    )


def _rules() -> Iterator[tuple[str, str, str, str]]:
    """Yield (name, event, table, condition under which it is refused), the same SQL on both systems.

    Rows are inserted freely while another database is copied into this one (station.database_copy): then it has no
    version.
    """
    in_use = "EXISTS (SELECT 1 FROM alembic_version)"
    pairs = ", ".join(f"'{p}'" for p in TRANSITIONS)
    approvals = "(SELECT count(*) FROM evidence_approval WHERE request = NEW.id AND granted = TRUE)"
    new_state = "(SELECT state FROM evidence_request WHERE id = NEW.request)"
    old_state = "(SELECT state FROM evidence_request WHERE id = OLD.request)"
    asker = "(SELECT requested_by FROM evidence_request WHERE id = NEW.request)"
    handed = "EXISTS (SELECT 1 FROM evidence_hand_over WHERE request = NEW.id)"
    yield "starts", "INSERT", "evidence_request", f"NEW.state <> 'draft' AND {in_use}"
    yield (
        "transition", "UPDATE", "evidence_request",
        f"NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN ({pairs})",
    )  # fmt: skip
    yield (
        "approvals", "UPDATE", "evidence_request",
        "NEW.state IN ('approved', 'extracting', 'sealed', 'handed_over', 'closed') "
        f"AND {approvals} < NEW.approvals_needed",
    )  # fmt: skip
    decided = "SELECT 1 FROM evidence_approval WHERE request = NEW.{request} AND approver = NEW.{who}"
    yield (
        "custodian", "UPDATE", "evidence_request",
        "(NEW.state = 'extracting' AND NEW.custodian = '') OR NEW.custodian = NEW.requested_by "
        f"OR EXISTS ({decided.format(request='id', who='custodian')})",
    )  # fmt: skip
    yield "receiver", "UPDATE", "evidence_request", f"NEW.state = 'handed_over' AND NOT {handed}"
    yield "asked", "UPDATE", "evidence_request", f"OLD.state <> 'draft' AND ({_differs(ASKED)})"
    yield "kept", "DELETE", "evidence_request", "TRUE"
    yield "cameras_added", "INSERT", "evidence_camera", f"{new_state} <> 'draft' AND {in_use}"
    yield (
        "cameras_changed", "UPDATE", "evidence_camera",
        f"{old_state} <> 'draft' AND ({_differs(['request', 'camera', 'village'])})",
    )  # fmt: skip
    yield "cameras_removed", "DELETE", "evidence_camera", f"{old_state} <> 'draft'"
    yield "second_person", "INSERT", "evidence_approval", f"NEW.approver IN ({asker}, NEW.recorded_by) AND {in_use}"
    yield "submitted", "INSERT", "evidence_approval", f"{new_state} <> 'submitted' AND {in_use}"
    yield "changed", "UPDATE", "evidence_approval", _differs(DECIDED)
    yield "kept", "DELETE", "evidence_approval", "TRUE"
    yield (
        "third_person", "INSERT", "evidence_hand_over",
        f'(NEW."by" = {asker} OR EXISTS ({decided.format(request="request", who=chr(34) + "by" + chr(34))})) '
        f"AND {in_use}",
    )  # fmt: skip
    for table in ("evidence_step", "evidence_hand_over"):
        yield "changed", "UPDATE", table, "TRUE"
        yield "kept", "DELETE", table, "TRUE"


def _differs(columns: list[str]) -> str:
    return " OR ".join(f'NEW."{c}" IS DISTINCT FROM OLD."{c}"' for c in columns)


def _trigger_statements(dialect: str) -> Iterator[str]:
    for name, event, table, condition in _rules():
        if dialect == "sqlite":
            condition = condition.replace("IS DISTINCT FROM", "IS NOT")
            yield (
                f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} WHEN {condition} "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSED}: {name}'); END"
            )
            continue
        returned = "OLD" if event == "DELETE" else "NEW"
        yield (
            f"CREATE FUNCTION {table}_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN "
            f"RAISE EXCEPTION '{REFUSED}: {name}' USING ERRCODE = 'check_violation'; END IF; RETURN {returned}; END $$"
        )
        yield (
            f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_{name}()"
        )
