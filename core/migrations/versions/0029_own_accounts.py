"""Whether a camera has an account of the station's own, and which villages require one before first use."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    with op.batch_alter_table("village") as batch:
        batch.add_column(
            sa.Column(
                "own_account", sa.Boolean(), server_default=sa.false(), nullable=False,
                comment="Its cameras get an account of the station's own before their first use",
            )
        )  # fmt: skip
    with op.batch_alter_table("camera") as batch:
        batch.add_column(
            sa.Column(
                "account_state", sa.String(8), nullable=True,
                comment="own: it has an account of the station's own; failed: it took none; null: not tried yet",
            )
        )  # fmt: skip
        batch.add_column(
            sa.Column(
                "account_problem", sa.String(200), nullable=True, comment="Why it took none; null: nothing is wrong"
            )
        )  # fmt: skip
    op.execute(
        "UPDATE camera SET account_state = 'own' WHERE id IN (SELECT camera FROM camera_change WHERE field = 'account')"
    )


def downgrade() -> None:
    op.drop_column("camera", "account_problem")
    op.drop_column("camera", "account_state")
    op.drop_column("village", "own_account")
