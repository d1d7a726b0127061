"""Onboarding: history of camera files, discovered devices, findings, clock errors, settings that models reject."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "camera_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=60), nullable=False, comment="Account name, or 'system'"),
        sa.Column("field", sa.String(length=60), nullable=False, comment="address, device.firmware, streams.main …"),
        sa.Column("old", sa.JSON(), nullable=False, comment="Value before; null where there was none"),
        sa.Column("new", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera_change")),
        comment="History of a camera's file; append-only",
    )
    with op.batch_alter_table("camera_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_camera_change_camera_id"), ["camera", "id"], unique=False)

    op.create_table(
        "camera_finding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("camera", sa.String(length=40), nullable=True, comment="Null: a device that is no camera of ours"),
        sa.Column("address", sa.String(length=120), nullable=False),
        sa.Column("village", sa.String(length=40), nullable=True, comment="Whose scope may see it; null: all"),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False, comment="Figures and names, no sentence and no secret"),
        sa.Column("opened_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("closed_at", core.database.UtcDateTime(timezone=True), nullable=True, comment="Null: open"),
        sa.Column(
            "closed_by",
            sa.String(length=60),
            nullable=True,
            comment="Account that accepts it, or 'system' where it is gone",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera_finding")),
        comment="What is wrong with a camera's safety or identity",
    )
    with op.batch_alter_table("camera_finding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_camera_finding_camera_kind"), ["camera", "kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_camera_finding_kind"), ["kind"], unique=False)

    op.create_table(
        "camera_policy",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_camera_policy")),
        comment="How the cameras of a class are to be set, as in the inventory",
    )
    op.create_table(
        "clock_sample",
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("offset", sa.Double(), nullable=False, comment="Camera minus ours, seconds"),
        sa.Column("corrected", sa.Boolean(), nullable=False, comment="It was set right after this"),
        sa.PrimaryKeyConstraint("camera", "at", name=op.f("pk_clock_sample")),
        comment="A camera's clock error as it changed",
    )
    op.create_table(
        "device_seen",
        sa.Column("address", sa.String(length=120), nullable=False, comment="host:port of its device service"),
        sa.Column("endpoint", sa.String(length=120), nullable=False, comment="UUID, or the address where it gave none"),
        sa.Column("url", sa.String(length=400), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("hardware", sa.String(length=80), nullable=False),
        sa.Column(
            "serial", sa.String(length=80), nullable=False, comment="Manufacturer and serial number, where it was asked"
        ),
        sa.Column("macs", sa.JSON(), nullable=False),
        sa.Column("village", sa.String(length=40), nullable=True, comment="In whose subnet it was met"),
        sa.Column("verdict", sa.String(length=12), nullable=False, comment="known, first, moved, replaced, clone, new"),
        sa.Column("camera", sa.String(length=40), nullable=True, comment="Camera that it is taken for"),
        sa.Column("first_seen", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_seen", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_device_seen")),
        comment="Devices that discovery met, cameras of the inventory or not",
    )
    with op.batch_alter_table("device_seen", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_seen_camera"), ["camera"], unique=False)

    op.create_table(
        "model_note",
        sa.Column("manufacturer", sa.String(length=60), nullable=False),
        sa.Column("model", sa.String(length=60), nullable=False),
        sa.Column("firmware", sa.String(length=60), nullable=False),
        sa.Column("setting", sa.String(length=60), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False, comment="refused, ignored, rounded"),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("manufacturer", "model", "firmware", "setting", name=op.f("pk_model_note")),
        comment="What a model of a firmware does not take, so that nobody tries it on each camera again",
    )
    with op.batch_alter_table("camera", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("endpoint", sa.String(length=80), nullable=True, comment="UUID by which it answers discovery")
        )
        batch_op.add_column(
            sa.Column(
                "auth_mode", sa.String(length=8), nullable=True, comment="How it wants to be asked: none, digest, wsse"
            )
        )
        batch_op.add_column(
            sa.Column(
                "audited",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="Maker's passwords tried on it so far",
            )
        )
        batch_op.add_column(
            sa.Column(
                "audited_at",
                core.database.UtcDateTime(timezone=True),
                nullable=True,
                comment="When the last of them was tried",
            )
        )
        batch_op.add_column(
            sa.Column(
                "problem",
                sa.String(length=200),
                nullable=True,
                comment="Why it could not be asked last time; null: it could",
            )
        )
        batch_op.add_column(
            sa.Column(
                "acceptance", sa.JSON(), nullable=True, comment="What was checked on the spot (R-MASK-2), by whom"
            )
        )
        batch_op.add_column(
            sa.Column(
                "accepted_at",
                core.database.UtcDateTime(timezone=True),
                nullable=True,
                comment="Accepted by a person since then",
            )
        )
        batch_op.create_index(batch_op.f("ix_camera_endpoint"), ["endpoint"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_camera_endpoint"), "camera")
    for column in ("accepted_at", "acceptance", "problem", "audited_at", "audited", "auth_mode", "endpoint"):
        op.drop_column("camera", column)
    for table in ("model_note", "device_seen", "clock_sample", "camera_policy", "camera_finding", "camera_change"):
        op.drop_table(table)
