"""Deleted footage keeps a record with its hashes; when the matcher last worked on a subject's look-back."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0033"
down_revision = "0031"


def upgrade() -> None:
    op.create_table(
        "footage_deletion",
        sa.Column("day", sa.String(10), nullable=False, comment="UTC day in which the files began"),
        sa.Column("stream", sa.String(50), nullable=False, comment="<camera>/<kind>"),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "runs",
            sa.JSON(),
            nullable=False,
            comment="Files in the order of time, each run with its digest (nvr.archive.deletions)",
        ),
        sa.Column("first_at", UtcDateTime(), nullable=False, comment="When the first of them were deleted"),
        sa.Column("last_at", UtcDateTime(), nullable=False, comment="When the last ones were"),
        sa.PrimaryKeyConstraint("day", "stream", name=op.f("pk_footage_deletion")),
        comment=(
            "Footage that retention deleted, a row a stream and day: how much, and a digest over the files' SHA-256"
        ),
    )
    op.add_column(
        "watch_subject",
        sa.Column(
            "looked_back_at", UtcDateTime(), nullable=True, comment="When the matcher last worked on it; null: it waits"
        ),
    )


def downgrade() -> None:
    op.drop_column("watch_subject", "looked_back_at")
    op.drop_table("footage_deletion")
