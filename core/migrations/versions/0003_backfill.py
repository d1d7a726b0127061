"""Backfill from the cameras' edge storage, and quarantine of streams that crash their recorder."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("gap", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "ask_at",
                core.database.UtcDateTime(timezone=True),
                nullable=True,
                comment="When the camera's card is asked for it; null: not (any more)",
            )
        )
        batch_op.create_index(
            batch_op.f("ix_gap_ask_at"),
            ["ask_at"],
            unique=False,
            sqlite_where=sa.text("ask_at IS NOT NULL"),
            postgresql_where=sa.text("ask_at IS NOT NULL"),
        )
    with op.batch_alter_table("open_segment", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "flags",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="As in the entry (nvr.archive.segment_index)",
            )
        )
    with op.batch_alter_table("stream_status", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "strikes",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="How often its recorder died over it",
            )
        )
        batch_op.add_column(
            sa.Column(
                "quarantined_at",
                core.database.UtcDateTime(timezone=True),
                nullable=True,
                comment="Left alone since then; tried again after a day",
            )
        )


def downgrade() -> None:
    op.drop_column("stream_status", "quarantined_at")
    op.drop_column("stream_status", "strikes")
    op.drop_column("open_segment", "flags")
    op.drop_index(op.f("ix_gap_ask_at"), "gap")
    op.drop_column("gap", "ask_at")
