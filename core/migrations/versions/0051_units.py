"""Patrol units, who is on duty, positions, and who is called for an alert."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from core.events import BigId

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    op.create_table(
        "unit",
        sa.Column("id", sa.Integer(), nullable=False, comment="Primary key"),
        sa.Column("name", sa.String(60), nullable=False, comment="Name"),
        sa.Column("call_sign", sa.String(20), nullable=False, comment="Call sign on the radio; empty: none"),
        sa.Column("villages", sa.JSON(), nullable=True, comment="Its area: village codes; null: the whole town"),
        sa.Column("disabled", sa.Boolean(), nullable=False, comment="Kept for old alerts; gets no new ones"),
        sa.Column("changed_by", sa.String(60), nullable=False, comment="Account that changed it last"),
        sa.Column("changed_at", UtcDateTime(), nullable=False, comment="When that was (UTC)"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("name", name=op.f("uq_unit_name")),
        comment="Patrol units",
    )
    op.create_table(
        "unit_member",
        sa.Column("account", sa.String(60), nullable=False, comment="Account of the officer"),
        sa.Column("unit", sa.Integer(), nullable=False, comment="Unit"),
        sa.ForeignKeyConstraint(["unit"], ["unit.id"], name=op.f("fk_unit_member_unit_unit")),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_unit_member")),
        comment="Officers of units; an officer belongs to one unit",
    )
    op.create_index(op.f("ix_unit_member_unit"), "unit_member", ["unit"])
    op.create_table(
        "officer_duty",
        sa.Column("account", sa.String(60), nullable=False, comment="Account of the officer"),
        sa.Column("on_duty", sa.Boolean(), nullable=False, comment="On duty now"),
        sa.Column("since", UtcDateTime(), nullable=False, comment="Since when it is so (UTC)"),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_officer_duty")),
        comment="Whether patrol officers are on duty; no row: never yet",
    )
    op.create_table(
        "officer_position",
        sa.Column("id", BigId, nullable=False, comment="Primary key"),
        sa.Column("account", sa.String(60), nullable=False, comment="Account of the officer"),
        sa.Column("at", UtcDateTime(), nullable=False, comment="When the station received it (UTC)"),
        sa.Column("latitude", sa.Float(), nullable=False, comment="Degrees north (WGS 84)"),
        sa.Column("longitude", sa.Float(), nullable=False, comment="Degrees east (WGS 84)"),
        sa.Column("accuracy_m", sa.Float(), nullable=True, comment="Radius of 68 % confidence, m; null: unknown"),
        sa.CheckConstraint(
            "latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name=op.f("ck_officer_position_on_earth")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_officer_position")),
        comment="Positions of officers on duty; kept for 24 hours",
    )
    op.create_index(op.f("ix_officer_position_account_at"), "officer_position", ["account", "at"])
    op.create_index(op.f("ix_officer_position_at"), "officer_position", ["at"])
    op.create_table(
        "alert_call",
        sa.Column("id", BigId, nullable=False, comment="Primary key"),
        sa.Column("alert", sa.Integer(), nullable=False, comment="Alert"),
        sa.Column(
            "round", sa.Integer(), nullable=False,
            comment="1, and one more for each officer who could not come; the newest counts",
        ),
        sa.Column("kind", sa.String(10), nullable=False, comment="unit, on_duty, everybody, leaders"),
        sa.Column("unit", sa.Integer(), nullable=True, comment="Unit that is called; null: officers of any unit"),
        sa.Column("accounts", sa.JSON(), nullable=False, comment="Accounts that are called"),
        sa.Column(
            "due_at", UtcDateTime(), nullable=False,
            comment="When they are called, unless somebody has taken the alert (UTC)",
        ),
        sa.ForeignKeyConstraint(["alert"], ["alert.id"], name=op.f("fk_alert_call_alert_alert")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_call")),
        comment="Who is called for alerts, and when; written with the dispatch; append-only",
    )  # fmt: skip
    op.create_index(op.f("ix_alert_call_alert"), "alert_call", ["alert"])


def downgrade() -> None:
    op.drop_table("alert_call")
    op.drop_table("officer_position")
    op.drop_table("officer_duty")
    op.drop_table("unit_member")
    op.drop_table("unit")
