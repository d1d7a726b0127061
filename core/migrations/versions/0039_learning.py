"""When a camera's view is expected to be learned: until then its picture is hardly judged."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    op.add_column(
        "camera_baseline",
        sa.Column(
            "learning_until", sa.DateTime(timezone=True), comment="When the view is expected to be learned; null: it is"
        ),
    )


def downgrade() -> None:
    op.drop_column("camera_baseline", "learning_until")
