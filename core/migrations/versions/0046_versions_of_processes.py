"""Processes say which version of the program they run, and since when."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0046"
down_revision = "0045"

BEFORE = "recorder, analyst"
AFTER = "controller, recorder, analyst"


def upgrade() -> None:
    comment = "Version of the program that it runs; empty: a version before 0046, which did not say"
    op.add_column("worker", sa.Column("release", sa.String(40), nullable=False, server_default="", comment=comment))
    op.add_column("worker", sa.Column("started_at", UtcDateTime(), comment="When it started (UTC)"))
    _comment(BEFORE, AFTER)


def downgrade() -> None:
    _comment(AFTER, BEFORE)
    with op.batch_alter_table("worker") as batch:
        batch.drop_column("started_at")
        batch.drop_column("release")


def _comment(before: str, after: str) -> None:
    with op.batch_alter_table("worker") as batch:
        batch.alter_column(
            "role", existing_type=sa.String(20), existing_nullable=False, comment=after, existing_comment=before
        )
