"""Patrol: timestamps as the recorder receives them, contractors and their photos, daily figures."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0007"
down_revision = "0006"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("stream_status") as batch:
        batch.add_column(
            sa.Column(
                "jumps", sa.Double(), nullable=False, server_default="0",
                comment="Timestamps that jumped or stood still, about so many in the last five minutes",
            )
        )  # fmt: skip
    with op.batch_alter_table("user") as batch:
        batch.add_column(
            sa.Column(
                "vendor",
                sa.String(length=80),
                nullable=False,
                server_default="",
                comment="Contractor: whose orders these are",
            )
        )
    op.create_table(
        "work_order_photo",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("order", sa.Integer(), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False, comment="JPEG below the data folder"),
        sa.ForeignKeyConstraint(["order"], ["work_order.id"], name=op.f("fk_work_order_photo_order_work_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_order_photo")),
        comment="Photos of what was mended; hardware, no footage",
    )
    with op.batch_alter_table("work_order_photo") as batch:
        batch.create_index(batch.f("ix_work_order_photo_order"), ["order"], unique=False)
    op.create_table(
        "daily_figures",
        sa.Column("day", sa.String(length=10), nullable=False, comment="Local day"),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="town, village, vendor, sponsor"),
        sa.Column("name", sa.String(length=80), nullable=False, comment="Code or name; empty: the town"),
        sa.Column("figures", sa.JSON(), nullable=False, comment="health.kpi.figures.Figures"),
        sa.PrimaryKeyConstraint("day", "kind", "name", name=op.f("pk_daily_figures")),
        comment="Figures of each day that is over, by whom they concern",
    )


def downgrade() -> None:
    op.drop_table("daily_figures")
    op.drop_table("work_order_photo")
    op.drop_column("user", "vendor")
    op.drop_column("stream_status", "jumps")
