"""Acceptances of cameras by two accounts. Earlier acceptances keep their typed names in camera.acceptance."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0031"
down_revision = "0029"


def upgrade() -> None:
    op.create_table(
        "acceptance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera", sa.String(40), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False, comment="What was checked, as it was signed"),
        sa.Column("proposed_by", sa.String(60), nullable=False, comment="Account that signed first"),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_by", sa.String(60), nullable=True, comment="Another account; null: not confirmed"),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by <> proposed_by", name=op.f("ck_acceptance_second_person")
        ),
        sa.ForeignKeyConstraint(
            ["camera"], ["camera.id"], name=op.f("fk_acceptance_camera_camera"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acceptance")),
        comment="Acceptances of cameras: one person proposes, another confirms",
    )
    op.create_index(op.f("ix_acceptance_camera_id"), "acceptance", ["camera", "id"])


def downgrade() -> None:
    op.drop_table("acceptance")
