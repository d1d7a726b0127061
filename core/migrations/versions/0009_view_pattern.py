"""Patrol: the permanent pattern of a view, and when weather last affected it."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("camera_sight") as batch:
        batch.add_column(
            sa.Column(
                "pattern", sa.LargeBinary(), nullable=True,
                comment="What stays of the view (health.picture.view_pattern): mean fine contrast, 90×160",
            )
        )  # fmt: skip
        batch.add_column(
            sa.Column("patterned", sa.Integer(), nullable=False, server_default="0", comment="Looks in it")
        )
        batch.add_column(
            sa.Column(
                "sky_at", core.database.UtcDateTime(timezone=True), nullable=True,
                comment="When it last showed what its neighbours showed too",
            )
        )  # fmt: skip


def downgrade() -> None:
    for column in ("sky_at", "patterned", "pattern"):
        op.drop_column("camera_sight", column)
