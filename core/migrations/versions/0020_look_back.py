"""Watch-list subjects are also searched for in earlier sightings; ends of holds are announced in advance."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column(
        "watch_subject",
        sa.Column(
            "look_back_to",
            UtcDateTime(),
            nullable=True,
            comment="Still to be looked for among what was seen since then",
        ),
    )
    op.add_column(
        "hold", sa.Column("told_at", UtcDateTime(), nullable=True, comment="When it was told that it ends soon")
    )


def downgrade() -> None:
    op.drop_column("hold", "told_at")
    op.drop_column("watch_subject", "look_back_to")
