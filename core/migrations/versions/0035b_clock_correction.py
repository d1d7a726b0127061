"""Files that still have to move after the station's clock was set; survives a killed recorder."""

import sqlalchemy as sa
from alembic import op

revision = "0035b"
down_revision = "0035"


def upgrade() -> None:
    op.create_table(
        "clock_correction",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="They are done in this order",
        ),
        sa.Column("stream", sa.String(50), nullable=False),
        sa.Column(
            "worker", sa.String(40), nullable=False, comment="Recorder that does it; empty: a recorder without a number"
        ),
        sa.Column("since_us", sa.BigInteger(), nullable=False, comment="From here, µs UTC by the old clock …"),
        sa.Column("until_us", sa.BigInteger(), nullable=False, comment="… to here footage was filed by the old clock"),
        sa.Column("by_us", sa.BigInteger(), nullable=False, comment="By which the clock was set, µs"),
        sa.Column(
            "files", sa.JSON(), nullable=False, comment="Starts of the files that still have their old names, µs UTC"
        ),
        sa.Column(
            "protected",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="Holds and retention know the new names already",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_correction")),
        comment="Files that get other names because the station's clock was set; a row goes when all have them",
    )
    op.create_index(op.f("ix_clock_correction_stream"), "clock_correction", ["stream"])


def downgrade() -> None:
    op.drop_index(op.f("ix_clock_correction_stream"), table_name="clock_correction")
    op.drop_table("clock_correction")
