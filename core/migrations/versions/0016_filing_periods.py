"""Footage ages by the monotonic clock: every step of the wall clock is accounted for, not only those that were believed."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column(
        "misfiled",
        sa.Column(
            "doubted",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="Of before a step that nobody has proved yet: a person's word takes it back",
        ),
    )
    op.drop_column("retention_clock", "wrong_since_us")


def downgrade() -> None:
    op.add_column(
        "retention_clock",
        sa.Column(
            "wrong_since_us",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Recordings from this µs UTC on may be filed too early",
        ),
    )
    op.drop_column("misfiled", "doubted")
