"""Shifts of the duty desk with their notes; indexes for the faults of a shift."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from core.events import BigId

revision = "0041"
down_revision = "0039"


def upgrade() -> None:
    op.create_table(
        "shift",
        sa.Column("id", sa.Integer(), nullable=False, comment="Primary key"),
        sa.Column("officer", sa.String(60), nullable=False, comment="Account that signed"),
        sa.Column(
            "officer_name", sa.String(80), nullable=False, comment="Name of the person, as it was when he signed"
        ),
        sa.Column("since", UtcDateTime(), nullable=False, comment="Begin of the shift (UTC)"),
        sa.Column(
            "until", UtcDateTime(), nullable=True, comment="When the next shift began (UTC); null: still on duty"
        ),
        sa.Column("note", sa.String(1000), nullable=False, comment="Words of the officer who took it over"),
        sa.Column("signed_at", UtcDateTime(), nullable=False, comment="When the take-over was signed (UTC)"),
        sa.Column(
            "follows",
            sa.Integer(),
            nullable=False,
            comment="Shift before; 0: the first. Unique: two persons cannot take over the same shift",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
        sa.UniqueConstraint("follows", name=op.f("uq_shift_follows")),
        comment="Shifts of the duty desk (值班): who had it, from one signature to the next",
    )
    op.create_table(
        "shift_note",
        sa.Column("id", BigId, nullable=False, comment="Primary key"),
        sa.Column("shift", sa.Integer(), nullable=False, comment="Shift"),
        sa.Column("at", UtcDateTime(), nullable=False, comment="When it was written (UTC)"),
        sa.Column("by", sa.String(60), nullable=False, comment="Account that wrote it"),
        sa.Column("text", sa.String(1000), nullable=False, comment="Words of the officer"),
        sa.ForeignKeyConstraint(["shift"], ["shift.id"], name=op.f("fk_shift_note_shift")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_note")),
        comment="Notes of a shift for the next one; append-only",
    )
    op.create_index(op.f("ix_shift_note_shift"), "shift_note", ["shift"])
    op.create_index(op.f("ix_fault_state"), "fault", ["state"])
    op.create_index(op.f("ix_fault_closed_at"), "fault", ["closed_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_fault_closed_at"), "fault")
    op.drop_index(op.f("ix_fault_state"), "fault")
    op.drop_table("shift_note")
    op.drop_table("shift")
