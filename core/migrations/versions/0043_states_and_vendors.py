"""The announced state of each camera, and the list of maintenance companies."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    op.create_table(
        "camera_state",
        sa.Column("camera", sa.String(40), nullable=False, comment="Camera id"),
        sa.Column("village", sa.String(40), nullable=False, comment="Its village"),
        sa.Column("state", sa.String(10), nullable=False, comment="ok, attention, unknown, fault, offline"),
        sa.Column("recorded", sa.Boolean(), nullable=False, comment="Its main stream is recorded"),
        sa.Column("since", UtcDateTime(), nullable=False, comment="When it got this state"),
        sa.PrimaryKeyConstraint("camera", name=op.f("pk_camera_state")),
        comment="State of each camera in use, as last announced (health.camera_states)",
    )
    op.create_index(op.f("ix_camera_state_village"), "camera_state", ["village"])
    op.create_table(
        "vendor",
        sa.Column("name", sa.String(80), nullable=False, comment="Name, as in orders and accounts"),
        sa.Column("contact", sa.String(60), nullable=False, comment="Person to call"),
        sa.Column("phone", sa.String(40), nullable=False, comment="Number to call"),
        sa.Column("note", sa.String(400), nullable=False, comment="Contract, hours, what it maintains"),
        sa.Column("active", sa.Boolean(), nullable=False, comment="May get new orders"),
        sa.Column("changed_at", UtcDateTime(), nullable=False, comment="When it was last changed"),
        sa.Column("changed_by", sa.String(60), nullable=False, comment="Account that changed it"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_vendor")),
        comment="Maintenance companies and their contacts",
    )


def downgrade() -> None:
    op.drop_table("vendor")
    op.drop_index(op.f("ix_camera_state_village"), table_name="camera_state")
    op.drop_table("camera_state")
