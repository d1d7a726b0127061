"""Footage ages by the monotonic clock: records every step of the wall clock, not only the trusted ones."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
COMMENTS = {  # columns of misfiled → previous comment, new comment
    "end_us": ("µs UTC as filed", "µs UTC as filed; 2^62: goes on"),
    "offset_us": ("So much later it was really recorded, µs", "So much later it lies by the clock as it is now, µs"),
}
TABLE = (
    "Stretches that were filed too early because the station's clock was behind",
    "Stretches of file times between two steps of the station's clock (nvr.clock.filing_periods)",
)


def _say(which: int) -> None:
    """Set the comments; SQLite stores none."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for column, said in COMMENTS.items():
        op.alter_column("misfiled", column, comment=said[which], existing_type=sa.BigInteger(), existing_nullable=False)
    op.create_table_comment("misfiled", TABLE[which])


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
    _say(1)


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
    _say(0)
