"""Counts of a stream's discontinuities that are shorter than a gap."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    with op.batch_alter_table("stream_status") as table:
        table.add_column(
            sa.Column(
                "short_holes",
                sa.BigInteger(),
                server_default="0",
                nullable=False,
                comment="Holes below a second: no gaps",
            )
        )
        table.add_column(
            sa.Column(
                "short_hole_seconds", sa.Double(), server_default="0", nullable=False, comment="What is missing in them"
            )
        )


def downgrade() -> None:
    with op.batch_alter_table("stream_status") as table:
        table.drop_column("short_holes")
        table.drop_column("short_hole_seconds")
