"""When a camera's RTSP server first offered Digest; must survive a restart."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    with op.batch_alter_table("camera") as batch:
        batch.add_column(
            sa.Column(
                "rtsp_digest_at", core.database.UtcDateTime(timezone=True), nullable=True,
                comment="When its RTSP server first offered Digest: Basic is not believed since then; null: not yet",
            )
        )  # fmt: skip


def downgrade() -> None:
    op.drop_column("camera", "rtsp_digest_at")
