"""Daily record of each camera; stored reports; supplements of signed registers."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0022"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "camera_day",
        sa.Column("day", sa.String(10), nullable=False, comment="Local day"),
        sa.Column("camera", sa.String(40), nullable=False),
        sa.Column("village", sa.String(40), nullable=False, comment="Its village, contractor and sponsor on that day"),
        sa.Column("vendor", sa.String(80), nullable=False),
        sa.Column("sponsor", sa.String(80), nullable=False),
        sa.Column("service", sa.Double(), nullable=False, comment="In use, planned work left out"),
        sa.Column("offline", sa.Double(), nullable=False, comment="Of these, nothing came from it"),
        sa.Column("unknown", sa.Double(), nullable=False, comment="Of these, nobody knows"),
        sa.Column("required", sa.Double(), nullable=False, comment="Of these, its main stream was to be recorded"),
        sa.Column("recorded", sa.Double(), nullable=False, comment="Of these, it was"),
        sa.Column("missing", sa.JSON(), nullable=False, comment="required - recorded, by cause"),
        sa.Column("looked", sa.Boolean(), nullable=False, comment="Patrol looked at it"),
        sa.Column(
            "intact",
            sa.Boolean(),
            nullable=True,
            comment="No fault of severity 1 or 2 was open at the end; null: not looked at",
        ),
        sa.Column("clock_right", sa.Boolean(), nullable=True, comment="Within 2 s; null: not known"),
        sa.Column(
            "reconstructed",
            sa.Boolean(),
            nullable=False,
            comment="Written long after the day, from what was left of its facts",
        ),
        sa.PrimaryKeyConstraint("day", "camera", name=op.f("pk_camera_day")),
        comment="What a camera did on a local day that is over; written once (health.kpi.camera_days). Seconds",
    )
    op.create_index(op.f("ix_camera_day_village_day"), "camera_day", ["village", "day"])
    op.create_table(
        "village_report",
        sa.Column("village", sa.String(40), nullable=False),
        sa.Column("month", sa.String(7), nullable=False, comment="YYYY-MM, local"),
        sa.Column("figures", sa.JSON(), nullable=False, comment="reports.coverage.VillageReport, as it is printed"),
        sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the figures, printed on the page"),
        sa.Column("made_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("village", "month", name=op.f("pk_village_report")),
        comment="Monthly reports of months that are over; written once",
    )
    op.create_table(
        "register_supplement",
        sa.Column("day", sa.String(10), nullable=False, comment="Local day of the register that it belongs to"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False, comment="1, 2, … of the day"),
        sa.Column(
            "figures", sa.JSON(), nullable=False, comment="What was not in the register or an earlier supplement"
        ),
        sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the digest before it and the figures"),
        sa.Column("signed_by", sa.String(60), nullable=False),
        sa.Column("signed_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("remark", sa.String(400), nullable=False),
        sa.PrimaryKeyConstraint("day", "number", name=op.f("pk_register_supplement")),
        comment="What became known of a day after its register was signed, signed likewise",
    )


def downgrade() -> None:
    op.drop_table("register_supplement")
    op.drop_table("village_report")
    op.drop_index(op.f("ix_camera_day_village_day"), table_name="camera_day")
    op.drop_table("camera_day")
