"""Patrol: baselines of cameras, faults with history, work orders, registers, planned work."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "camera_sight",
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("view", sa.Integer(), nullable=False, comment="Counts a person's 'this is the new normal view'"),
        sa.Column(
            "since",
            core.database.UtcDateTime(timezone=True),
            nullable=False,
            comment="Looks from here on belong to the present view",
        ),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=True, comment="Last look with a picture"),
        sa.Column("thumb", sa.LargeBinary(), nullable=True, comment="Its luminance, 90×160"),
        sa.Column(
            "next_look_at",
            core.database.UtcDateTime(timezone=True),
            nullable=True,
            comment="Inspected again then, before the next round",
        ),
        sa.Column("fps", sa.Double(), nullable=True, comment="Habit: median of accepted looks"),
        sa.Column("bitrate", sa.Double(), nullable=True, comment="Habit, bits a second"),
        sa.Column(
            "change",
            sa.Double(),
            nullable=True,
            comment="Habit: grey levels by which even the calm quarter of its rounds differs",
        ),
        sa.PrimaryKeyConstraint("camera", name=op.f("pk_camera_sight")),
        comment="What patrol knows of a camera beside its looks",
    )
    with op.batch_alter_table("camera_sight", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_camera_sight_next_look_at"), ["next_look_at"], unique=False)

    op.create_table(
        "daily_register",
        sa.Column("day", sa.String(length=10), nullable=False, comment="Local day"),
        sa.Column("figures", sa.JSON(), nullable=False, comment="As it was signed"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the figures"),
        sa.Column("signed_by", sa.String(length=60), nullable=False),
        sa.Column("signed_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("remark", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_daily_register")),
        comment="The day's patrol, signed by a person (巡检登记)",
    )
    op.create_table(
        "maintenance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera", sa.String(length=40), nullable=True, comment="One camera, or"),
        sa.Column("village", sa.String(length=40), nullable=True, comment="all of a village"),
        sa.Column("start", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance")),
        comment="Planned work: what is seen meanwhile is no fault",
    )
    with op.batch_alter_table("maintenance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_maintenance_until"), ["until"], unique=False)

    op.create_table(
        "reference_scene",
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False, comment="Local, 0…23"),
        sa.Column("view", sa.Integer(), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("thumb", sa.LargeBinary(), nullable=False, comment="90×160"),
        sa.PrimaryKeyConstraint("camera", "hour", name=op.f("pk_reference_scene")),
        comment="A good picture's luminance for each hour of the day",
    )
    op.create_table(
        "work_order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("village", sa.String(length=40), nullable=True),
        sa.Column("camera", sa.String(length=40), nullable=True, comment="Null: of several cameras"),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column(
            "state",
            sa.String(length=12),
            nullable=False,
            comment="new, assigned, working, parts, verifying, closed, refused, merged",
        ),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("vendor", sa.String(length=80), nullable=False, comment="Who mends it"),
        sa.Column("assignee", sa.String(length=60), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=60), nullable=False),
        sa.Column("respond_by", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("mend_by", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column(
            "mended_at",
            core.database.UtcDateTime(timezone=True),
            nullable=True,
            comment="Said to be mended; the machine watches it from here",
        ),
        sa.Column("closed_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reopened", sa.Integer(), nullable=False, comment="How often it was not mended after all"),
        sa.Column("reminded", sa.Integer(), nullable=False, comment="Reminders sent: one, two, then escalated"),
        sa.Column("cost", sa.Double(), nullable=True, comment="Yuan"),
        sa.Column("warranty", sa.Boolean(), nullable=False, comment="The maker pays"),
        sa.Column("merged_into", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_order")),
        comment="What somebody is to mend (工单)",
    )
    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_work_order_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_work_order_village"), ["village"], unique=False)

    op.create_table(
        "work_order_note",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order", sa.Integer(), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(["order"], ["work_order.id"], name=op.f("fk_work_order_note_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_order_note")),
        comment="What happened to a work order; append-only",
    )
    with op.batch_alter_table("work_order_note", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_work_order_note_order"), ["order"], unique=False)

    op.create_table(
        "tour_verdict",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("blind", sa.Boolean(), nullable=False, comment="The machine had called it normal"),
        sa.Column("verdict", sa.String(length=8), nullable=False, comment="normal, faulty"),
        sa.Column("family", sa.String(length=20), nullable=False, comment="What it is, where it is faulty"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tour_verdict")),
        comment="What persons said of pictures on their tours",
    )
    with op.batch_alter_table("tour_verdict", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tour_verdict_by_at"), ["by", "at"], unique=False)

    with op.batch_alter_table("fault", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("village", sa.String(length=40), nullable=True, comment="Whose it is; null: the station's own")
        )
        batch_op.add_column(
            sa.Column("figures", sa.JSON(), server_default="{}", nullable=False, comment="What spoke for it last")
        )
        batch_op.add_column(
            sa.Column("facts", sa.JSON(), server_default="{}", nullable=False, comment="The state machine's memory")
        )
        batch_op.add_column(
            sa.Column(
                "times",
                sa.Integer(),
                server_default="0",
                nullable=False,
                comment="How often it opened: back within a day it is the same fault",
            )
        )
        batch_op.add_column(
            sa.Column("acknowledged_by", sa.String(length=60), nullable=True, comment="Who has seen it; closes nothing")
        )
        batch_op.add_column(
            sa.Column("verdict", sa.String(length=12), nullable=True, comment="A person's: real, false, watch")
        )
        batch_op.add_column(sa.Column("order", sa.Integer(), nullable=True, comment="Work order that mends it"))
        batch_op.create_index(batch_op.f("ix_fault_order"), ["order"], unique=False)

    with op.batch_alter_table("look", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "untestable",
                sa.JSON(),
                server_default="[]",
                nullable=False,
                comment="Families that this look says nothing about",
            )
        )
        batch_op.add_column(
            sa.Column(
                "light", sa.String(length=6), server_default="", nullable=False, comment="day, night; empty: no picture"
            )
        )
        batch_op.add_column(
            sa.Column(
                "accepted",
                sa.Boolean(),
                server_default="0",
                nullable=False,
                comment="Belongs to what the camera usually looks like",
            )
        )
        batch_op.add_column(
            sa.Column(
                "anchor",
                sa.Boolean(),
                server_default="0",
                nullable=False,
                comment="Of the first days of a view: never forgotten",
            )
        )
        batch_op.add_column(
            sa.Column(
                "features",
                sa.LargeBinary(),
                nullable=True,
                comment="Packed figures (health.picture.measurement), kept for some days",
            )
        )
        batch_op.drop_index(batch_op.f("ix_look_camera_id"))
        batch_op.create_index(batch_op.f("ix_look_camera_at"), ["camera", "at"], unique=False)

    with op.batch_alter_table("patrol_round", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "scope", sa.JSON(), server_default="{}", nullable=False, comment="villages, cameras, vendor; empty: all"
            )
        )
        batch_op.add_column(
            sa.Column("looked", sa.Integer(), server_default="0", nullable=False, comment="Cameras looked at so far")
        )

    if op.get_bind().dialect.name == "postgresql":  # SQLite stores no comments; changing one would copy the table
        for table, column, kind, comment in COMMENTS:
            op.alter_column(table, column, existing_type=kind, existing_nullable=False, comment=comment)


COMMENTS = (
    ("patrol_round", "cameras", sa.Integer(), "Cameras to look at"),
    ("look", "findings", sa.JSON(), "Fault family → figures that speak for it; empty: nothing found"),
    ("look", "figures", sa.JSON(), "What was measured (health.picture.measurement, health.checks.stream)"),
    ("fault", "camera", sa.String(40), "Empty: of a village, a switch or the station itself"),
    ("fault", "looks", sa.Integer(), "Looks that could judge it"),
)


def downgrade() -> None:
    for column in ("looked", "scope"):
        op.drop_column("patrol_round", column)
    op.drop_index(op.f("ix_look_camera_at"), "look")
    op.create_index(op.f("ix_look_camera_id"), "look", ["camera", "id"], unique=False)
    for column in ("features", "anchor", "accepted", "light", "untestable"):
        op.drop_column("look", column)
    op.drop_index(op.f("ix_fault_order"), "fault")
    for column in ("order", "verdict", "acknowledged_by", "times", "facts", "figures", "village"):
        op.drop_column("fault", column)
    for table in TABLES:
        op.drop_table(table)


TABLES = (
    "tour_verdict",
    "work_order_note",
    "work_order",
    "reference_scene",
    "maintenance",
    "daily_register",
    "camera_sight",
)
