"""The inventory file as it was last applied."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "inventory_applied",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False, comment="When it was applied"),
        sa.Column("actor", sa.String(60), nullable=False, comment="Account name, 'command line' or 'station start'"),
        sa.Column("file", sa.String(400), nullable=False, comment="Path of the file"),
        sa.Column(
            "digest",
            sa.String(64),
            nullable=False,
            comment="SHA-256 of what it says (cameras.registry.registry.digest)",
        ),
        sa.Column(
            "content", sa.JSON(), nullable=False, comment="What it says, without defaults; the base of the next merge"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_applied")),
        comment="The inventory file as it was last applied: one row",
    )


def downgrade() -> None:
    op.drop_table("inventory_applied")
