"""Whether the wall clock is trusted when footage is deleted by age."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "retention_clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "boot", sa.String(40), nullable=False, comment="Names the start of the machine that uptime_us counts from"
        ),
        sa.Column("uptime_us", sa.BigInteger(), nullable=False, comment="At the last look, µs"),
        sa.Column("wall_us", sa.BigInteger(), nullable=False, comment="Wall clock at the last look, µs UTC"),
        sa.Column("plausible_us", sa.BigInteger(), nullable=False, comment="Believed time at the last look, µs UTC"),
        sa.Column(
            "suspicion", sa.String(10), nullable=False, comment="forward, backward; empty: the wall clock is believed"
        ),
        sa.Column("steady_us", sa.BigInteger(), nullable=False, comment="Without another step since the last one, µs"),
        sa.Column("ntp_us", sa.BigInteger(), nullable=False, comment="Of it kept by a time service, µs"),
        sa.Column(
            "wrong_since_us",
            sa.BigInteger(),
            nullable=False,
            comment="Recordings from this µs UTC on may be filed too early",
        ),
        sa.Column(
            "suspended_at",
            core.database.UtcDateTime(timezone=True),
            nullable=True,
            comment="Deletion by age is suspended since",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_clock")),
        comment="Whether the wall clock is plausible enough to delete by age (nvr.clock.plausibility): one row",
    )
    op.create_table(
        "misfiled",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False, comment="µs UTC as filed"),
        sa.Column("end_us", sa.BigInteger(), nullable=False, comment="µs UTC as filed"),
        sa.Column("offset_us", sa.BigInteger(), nullable=False, comment="So much later it was really recorded, µs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_misfiled")),
        comment="Stretches that were filed too early because the station's clock was behind",
    )


def downgrade() -> None:
    op.drop_table("misfiled")
    op.drop_table("retention_clock")
