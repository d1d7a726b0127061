"""Which days have records, including days on which no camera was in use."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "written_day",
        sa.Column("day", sa.String(10), nullable=False, comment="Local day"),
        sa.Column("cameras", sa.Integer(), nullable=False, comment="How many were in use on it"),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_written_day")),
        comment="Days whose rows of camera_day are complete, also where there are none",
    )
    op.execute("INSERT INTO written_day (day, cameras) SELECT day, count(*) FROM camera_day GROUP BY day")


def downgrade() -> None:
    op.drop_table("written_day")
