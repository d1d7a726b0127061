"""The trail of alerts: later sightings of the same subject."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from core.events import BigId

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    op.create_table(
        "alert_trail",
        sa.Column("id", BigId, nullable=False, comment="Primary key"),
        sa.Column("alert", sa.Integer(), nullable=False, comment="Alert"),
        sa.Column(
            "sighting", sa.BigInteger(), nullable=False,
            comment="Id of the sighting in the sighting store; 0: a person saw the subject",
        ),
        sa.Column("camera", sa.String(40), nullable=False, comment="Camera id of the sighting"),
        sa.Column("village", sa.String(40), nullable=False, comment="Village code of the camera"),
        sa.Column("at_us", sa.BigInteger(), nullable=False, comment="When it was seen, µs UTC"),
        sa.Column(
            "thumbnail", sa.String(200), nullable=False,
            comment="Path of the picture below the data folder; empty: none",
        ),
        sa.Column(
            "direction", sa.Integer(), nullable=True,
            comment="Direction in the picture (search.vocabulary.Direction); null: unknown",
        ),
        sa.Column(
            "heading", sa.Float(), nullable=True,
            comment="Direction on the map, degrees clockwise from north; null: unknown",
        ),
        sa.Column("recorded_at", UtcDateTime(), nullable=False, comment="When it joined the alert (UTC)"),
        sa.Column("by", sa.String(60), nullable=False, comment="'system', or the account that saw the subject"),
        sa.ForeignKeyConstraint(["alert"], ["alert.id"], name=op.f("fk_alert_trail_alert_alert")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_trail")),
        comment="Where the subject of an alert was seen afterwards",
    )  # fmt: skip
    op.create_index(op.f("ix_alert_trail_alert"), "alert_trail", ["alert"])
    op.create_index(op.f("ix_alert_trail_camera_at_us"), "alert_trail", ["camera", "at_us"])


def downgrade() -> None:
    op.drop_table("alert_trail")
