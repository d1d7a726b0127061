"""The certificate that a camera shows."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("camera", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "certificate",
                sa.String(length=64),
                nullable=True,
                comment="SHA-256 of the TLS certificate that it shows",
            )
        )


def downgrade() -> None:
    op.drop_column("camera", "certificate")
