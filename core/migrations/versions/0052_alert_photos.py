"""Photos of alerts."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from core.events import BigId

revision = "0052"
down_revision = "0051"


def upgrade() -> None:
    op.create_table(
        "alert_photo",
        sa.Column("id", BigId, nullable=False, comment="Primary key"),
        sa.Column("alert", sa.Integer(), nullable=False, comment="Alert"),
        sa.Column("at", UtcDateTime(), nullable=False, comment="When it was uploaded (UTC)"),
        sa.Column("by", sa.String(60), nullable=False, comment="Account of the officer who took it"),
        sa.Column("path", sa.String(200), nullable=False, comment="JPEG below the data folder"),
        sa.ForeignKeyConstraint(["alert"], ["alert.id"], name=op.f("fk_alert_photo_alert_alert")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_photo")),
        comment="Photos that officers took where an alert led them",
    )
    op.create_index(op.f("ix_alert_photo_alert"), "alert_photo", ["alert"])


def downgrade() -> None:
    op.drop_table("alert_photo")
