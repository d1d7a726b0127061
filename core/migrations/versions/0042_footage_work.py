"""Bookmarks, saved wall views, favourites, faults that persons report, and alerts that are taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.create_table(
        "bookmark",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Primary key",
        ),
        sa.Column("camera", sa.String(40), nullable=False, comment="Camera id"),
        sa.Column("village", sa.String(40), nullable=False, comment="Village code of the camera when it was marked"),
        sa.Column("at_us", sa.BigInteger(), nullable=False, comment="Marked moment, µs UTC"),
        sa.Column("text", sa.String(200), nullable=False, comment="Words of the person"),
        sa.Column("created_by", sa.String(60), nullable=False, comment="Account that marked it"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, comment="When it was marked (UTC)"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookmark")),
        comment="Moments of the recording that a person marked; seen by everybody who may see the camera",
    )
    op.create_index(op.f("ix_bookmark_camera_at_us"), "bookmark", ["camera", "at_us"])
    op.create_table(
        "wall_view",
        sa.Column("id", sa.Integer(), nullable=False, comment="Primary key"),
        sa.Column("name", sa.String(60), nullable=False, comment="Name, as the owner gave it"),
        sa.Column("layout", sa.Integer(), nullable=False, comment="Number of cells: 1, 4, 6, 9, 16, 25"),
        sa.Column(
            "cells", sa.JSON(), nullable=False, comment="What each cell shows, in order (cameras.records.WallCell)"
        ),
        sa.Column("owner", sa.String(60), nullable=False, comment="Account that saved it; only it may change it"),
        sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False, comment="Every account sees it"),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, comment="When it was last saved (UTC)"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wall_view")),
        comment="Saved views of the wall: which cameras, villages and tours its cells show",
    )
    op.create_index(op.f("ix_wall_view_owner"), "wall_view", ["owner"])
    op.create_table(
        "favourite",
        sa.Column("account", sa.String(60), nullable=False, comment="Account name"),
        sa.Column("camera", sa.String(40), nullable=False, comment="Camera id"),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False, comment="When it was added (UTC)"),
        sa.PrimaryKeyConstraint("account", "camera", name=op.f("pk_favourite")),
        comment="Cameras that an account keeps at the top of its list",
    )
    op.add_column(
        "fault", sa.Column("reported_by", sa.String(60), comment="Account that reported it; null: found by patrol")
    )
    op.add_column(
        "fault",
        sa.Column("note", sa.String(400), server_default="", nullable=False, comment="Words of that person"),
    )
    op.add_column("alert", sa.Column("recalled_by", sa.String(60), comment="Account that took it back; null: nobody"))
    op.add_column("alert", sa.Column("recalled_at", sa.DateTime(timezone=True), comment="When it was taken back (UTC)"))
    op.create_index(op.f("ix_alert_camera_at_us"), "alert", ["camera", "at_us"])
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.execute("COMMENT ON COLUMN alert.state IS 'new, dispatched, acked, answered, rejected, recalled'")


def downgrade() -> None:
    op.drop_index(op.f("ix_alert_camera_at_us"), "alert")
    op.drop_column("alert", "recalled_at")
    op.drop_column("alert", "recalled_by")
    op.drop_column("fault", "note")
    op.drop_column("fault", "reported_by")
    op.drop_table("favourite")
    op.drop_table("wall_view")
    op.drop_table("bookmark")
