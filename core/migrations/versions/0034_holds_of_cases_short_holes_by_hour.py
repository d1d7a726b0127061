"""A hold may name a case, and cases can be closed; short discontinuities are stored by hour and by day."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.add_column("hold", sa.Column("case", sa.Integer(), nullable=True, comment="The case that needs it (case_file)"))
    op.add_column("case_file", sa.Column("closed_by", sa.String(60), nullable=True))
    op.create_table(
        "short_hole",
        sa.Column("stream", sa.String(50), nullable=False, comment="<camera>/<kind>"),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False, comment="Hours since 1970 UTC"),
        sa.Column("holes", sa.BigInteger(), nullable=False),
        sa.Column("us", sa.BigInteger(), nullable=False, comment="What is missing in them, µs"),
        sa.PrimaryKeyConstraint("stream", "hour", name=op.f("pk_short_hole")),
        comment="Holes below a second, which are no gaps: how many in an hour; hours without any have no row",
    )
    op.create_index(op.f("ix_short_hole_hour"), "short_hole", ["hour"])
    op.add_column(
        "camera_day",
        sa.Column(
            "short_holes", sa.BigInteger(), nullable=True, comment="Holes below a second; null: not counted then"
        ),
    )
    op.add_column(
        "camera_day",
        sa.Column(
            "short_hole_seconds", sa.Double(), nullable=True, comment="What is missing in them; it counts as recorded"
        ),
    )


def downgrade() -> None:
    op.drop_column("camera_day", "short_hole_seconds")
    op.drop_column("camera_day", "short_holes")
    op.drop_table("short_hole")
    op.drop_column("case_file", "closed_by")
    op.drop_column("hold", "case")
