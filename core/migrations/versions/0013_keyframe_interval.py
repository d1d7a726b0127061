"""The interval between a stream's keyframes, as the recorder measures it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    with op.batch_alter_table("stream_status") as batch:
        batch.add_column(
            sa.Column(
                "keyframe_seconds", sa.Double(), nullable=True,
                comment="Longest time without a keyframe lately, while pictures came; null: not known yet",
            )
        )  # fmt: skip


def downgrade() -> None:
    op.drop_column("stream_status", "keyframe_seconds")
