"""A release newer than this one, with a migration of its own.

Does not import pytest, as the test of the documents runs without it.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MIGRATION = '''
"""A table more, for a test."""
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{before}"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table("lamp", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("lamp")
'''
NEWEST = max(p.name.partition("_")[0] for p in (ROOT / "core/migrations/versions").glob("[0-9]*.py"))
