"""Archive for a town: volumes, compact segment index, holds, quotas, schedules.

Footage of version 0001 is not lost: `minwang archive verify --repair` indexes its files again.
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "footage",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.String(length=50), nullable=False, comment="<camera>/<kind>"),
        sa.Column("hour", sa.Integer(), nullable=False, comment="Hours since 1970 UTC in which the segments begin"),
        sa.Column("volume", sa.Integer(), nullable=False),
        sa.Column(
            "deleting", sa.Boolean(), nullable=False, comment="Some entries are flagged: their files are being removed"
        ),
        sa.Column(
            "entries",
            sa.LargeBinary(),
            nullable=False,
            comment="Packed entries (nvr.archive.segment_index), in the order of closing",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_footage")),
        comment="Closed segment files, an hour of a stream a row (docs/design/archive.md)",
    )
    with op.batch_alter_table("footage", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_footage_deleting"),
            ["deleting"],
            unique=False,
            sqlite_where=sa.text("deleting"),
            postgresql_where=sa.text("deleting"),
        )
        batch_op.create_index(batch_op.f("ix_footage_stream_hour_volume"), ["stream", "hour", "volume"], unique=True)
        batch_op.create_index(batch_op.f("ix_footage_volume_hour"), ["volume", "hour"], unique=False)

    op.create_table(
        "hold",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column("end_us", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column("owner", sa.String(length=60), nullable=False, comment="Account that asked for it"),
        sa.Column("reason", sa.String(length=200), nullable=False, comment="Case number or ground"),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column(
            "expires_at",
            core.database.UtcDateTime(timezone=True),
            nullable=False,
            comment="Holds nothing after this; extended by a new hold",
        ),
        sa.Column("released_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        comment="Footage that retention must not remove (R-RET-2)",
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_camera_end_us"), ["camera", "end_us"], unique=False)

    op.create_table(
        "open_segment",
        sa.Column("stream", sa.String(length=50), nullable=False, comment="<camera>/<kind>"),
        sa.Column("start_us", sa.BigInteger(), autoincrement=False, nullable=False, comment="Wall time, µs UTC"),
        sa.Column("volume", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "start_us", name=op.f("pk_open_segment")),
        comment="Segment files that are being written, or were when a recorder died",
    )
    op.create_table(
        "shortfall",
        sa.Column("stream", sa.String(length=50), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False, comment="UTC day of the removal"),
        sa.Column(
            "held_days",
            sa.Double(),
            nullable=False,
            comment="Days that the stream still held after it, the least of the day",
        ),
        sa.Column("required_days", sa.Double(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False, comment="disk_full, quota"),
        sa.PrimaryKeyConstraint("stream", "day", name=op.f("pk_shortfall")),
        comment="Footage removed before its time: who holds fewer days than required, a row a day",
    )
    op.create_table(
        "stream_usage",
        sa.Column("stream", sa.String(length=50), nullable=False),
        sa.Column("bytes_held", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_stream_usage")),
        comment="What each stream holds in the archive, kept up with every entry",
    )
    op.create_table(
        "volume",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False, comment="What the index calls it"),
        sa.Column("identity", sa.String(length=36), nullable=False, comment="UUID, also in the file on the disk"),
        sa.Column("path", sa.String(length=300), nullable=False, comment="Absolute path of the folder"),
        sa.Column("state", sa.String(length=10), nullable=False, comment="ok, full, failed, slow, missing"),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("free_bytes", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_volume")),
        sa.UniqueConstraint("identity", name=op.f("uq_volume_identity")),
        comment="Disks (folders) for recordings; each carries a file with its identity",
    )
    with op.batch_alter_table("segment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_segment_state_start_us"))
        batch_op.drop_index(batch_op.f("ix_segment_stream_start_us"))

    op.drop_table("segment")
    with op.batch_alter_table("gap", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gap_stream_start_us"))
        batch_op.create_index(batch_op.f("ix_gap_stream_end_us"), ["stream", "end_us"], unique=False)

    with op.batch_alter_table("stream", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "schedule",
                sa.String(length=120),
                nullable=False,
                server_default="",
                comment="Empty: always; hours of the day; 'event'",
            )
        )
        batch_op.add_column(
            sa.Column("audio", sa.Boolean(), nullable=False, server_default=sa.false(), comment="Sound is recorded too")
        )

    with op.batch_alter_table("stream_status", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "fell_back_at",
                core.database.UtcDateTime(timezone=True),
                nullable=True,
                comment="When ffmpeg took over because native could not",
            )
        )

    with op.batch_alter_table("village", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("quota_bytes", sa.BigInteger(), nullable=True, comment="Most that its recordings may take")
        )


def downgrade() -> None:
    """Drop the segment index; the files stay: `archive verify --repair` of that version indexes them."""
    op.drop_column("village", "quota_bytes")
    op.drop_column("stream_status", "fell_back_at")
    op.drop_column("stream", "audio")
    op.drop_column("stream", "schedule")
    op.drop_index(op.f("ix_gap_stream_end_us"), "gap")
    op.create_index(op.f("ix_gap_stream_start_us"), "gap", ["stream", "start_us"], unique=False)
    for table in ("volume", "stream_usage", "shortfall", "open_segment", "hold", "footage"):
        op.drop_table(table)
    op.create_table(
        "segment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.String(length=50), nullable=False, comment="<camera>/<kind>"),
        sa.Column("path", sa.String(length=300), nullable=False, comment="Absolute path of the file"),
        sa.Column("state", sa.String(length=12), nullable=False, comment="open, closed, deleting, quarantined"),
        sa.Column("start_us", sa.BigInteger(), nullable=False, comment="Wall time of the first picture, µs UTC"),
        sa.Column(
            "end_us",
            sa.BigInteger(),
            nullable=False,
            comment="Wall time at which the last picture ends; start while open",
        ),
        sa.Column("media_us", sa.BigInteger(), nullable=False, comment="Duration by the camera's media clock, µs"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("lost_packets", sa.Integer(), nullable=False),
        sa.Column(
            "clock_offset_us", sa.BigInteger(), nullable=True, comment="Camera's clock minus ours, from sender reports"
        ),
        sa.Column(
            "gops",
            sa.LargeBinary(),
            nullable=True,
            comment="Packed index of GOPs (nvr.media.gop_index); null while open",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("path", name=op.f("uq_segment_path")),
        comment="Segment files; each file is owned by exactly one row",
    )
    with op.batch_alter_table("segment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_segment_state_start_us"), ["state", "start_us"], unique=False)
        batch_op.create_index(batch_op.f("ix_segment_stream_start_us"), ["stream", "start_us"], unique=False)
