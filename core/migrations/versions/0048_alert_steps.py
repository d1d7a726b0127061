"""Steps of alerts with time and place; alerts are under way, closed and snoozed."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from core.events import BigId

revision = "0048"
down_revision = "0047"

BEFORE = "new, dispatched, acked, answered, rejected, recalled"
AFTER = "new, dispatched, acked, under_way, answered, closed, rejected, recalled"
ARRIVED = "state <> 'under_way' OR (acked_by IS NOT NULL AND arrived_at IS NOT NULL)"
CLOSED = "state <> 'closed' OR (closed_by IS NOT NULL AND outcome IS NOT NULL)"


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("arrived_at", UtcDateTime(), nullable=True, comment="When the officer who took it arrived (UTC)"),
        sa.Column(
            "snoozed_until", UtcDateTime(), nullable=True,
            comment="A new alert does not ring in the console until then (UTC)",
        ),
        sa.Column(
            "outcome", sa.String(12), nullable=True, comment="true_alarm, false_alarm, duplicate; null: not closed"
        ),
        sa.Column(
            "duplicate_of", sa.Integer(), nullable=True, comment="Alert of the same matter; null: none is named"
        ),
        sa.Column("closed_by", sa.String(60), nullable=True, comment="Account of the video officer who closed it"),
        sa.Column("closed_at", UtcDateTime(), nullable=True, comment="When it was closed (UTC)"),
    ]  # fmt: skip


def upgrade() -> None:
    with op.batch_alter_table("alert") as batch:
        for column in _columns():
            batch.add_column(column)
        batch.alter_column(
            "state", existing_type=sa.String(12), existing_nullable=False, comment=AFTER, existing_comment=BEFORE
        )
        batch.create_check_constraint(op.f("ck_alert_arrived"), ARRIVED)
        batch.create_check_constraint(op.f("ck_alert_closed"), CLOSED)
    op.create_table(
        "alert_step",
        sa.Column("id", BigId, nullable=False, comment="Primary key"),
        sa.Column("alert", sa.Integer(), nullable=False, comment="Alert"),
        sa.Column(
            "kind", sa.String(12), nullable=False,
            comment="dispatched, rejected, recalled, snoozed, acked, declined, arrived, answered, closed",
        ),
        sa.Column("at", UtcDateTime(), nullable=False, comment="When it was done, by the station's clock (UTC)"),
        sa.Column("recorded_at", UtcDateTime(), nullable=False, comment="When the station learned of it (UTC)"),
        sa.Column("by", sa.String(60), nullable=False, comment="Account; 'auto' by the approver's rule"),
        sa.Column("text", sa.String(400), nullable=False, comment="Reason or words"),
        sa.Column(
            "client_id", sa.String(36), nullable=True,
            comment="UUID that the phone gave it: a repeated request applies once; null: not from a phone",
        ),
        sa.Column("phone_at", UtcDateTime(), nullable=True, comment="When it was done, by the phone's clock (UTC)"),
        sa.Column(
            "clock_offset_s", sa.Float(), nullable=True,
            comment="Station's clock minus the phone's, seconds; null: the phone did not tell its time",
        ),
        sa.Column("latitude", sa.Float(), nullable=True, comment="Where, degrees north (WGS 84); null: unknown"),
        sa.Column("longitude", sa.Float(), nullable=True, comment="Where, degrees east (WGS 84); null: unknown"),
        sa.Column("accuracy_m", sa.Float(), nullable=True, comment="Radius of 68 % confidence, m; null: unknown"),
        sa.ForeignKeyConstraint(["alert"], ["alert.id"], name=op.f("fk_alert_step_alert_alert")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_step")),
        sa.UniqueConstraint("by", "client_id", name=op.f("uq_alert_step_by_client_id")),
        comment="What was done with alerts, by whom, when and where; append-only",
    )  # fmt: skip
    op.create_index(op.f("ix_alert_step_alert"), "alert_step", ["alert"])


def downgrade() -> None:
    op.drop_table("alert_step")
    op.execute("UPDATE alert SET state = 'acked' WHERE state = 'under_way'")
    op.execute("UPDATE alert SET state = 'answered' WHERE state = 'closed' AND outcome = 'true_alarm'")
    op.execute("UPDATE alert SET state = 'rejected' WHERE state = 'closed'")
    with op.batch_alter_table("alert") as batch:
        batch.drop_constraint(op.f("ck_alert_closed"), type_="check")
        batch.drop_constraint(op.f("ck_alert_arrived"), type_="check")
        batch.alter_column(
            "state", existing_type=sa.String(12), existing_nullable=False, comment=BEFORE, existing_comment=AFTER
        )
        for column in reversed(_columns()):
            batch.drop_column(column.name)
