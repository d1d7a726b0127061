"""Counters per stream of duplicate packets, starts without a keyframe, and deferred reads."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"

COLUMNS = {
    "duplicate_packets": "Packets that had come before, or came too late: dropped",
    "start_points": "Groups of pictures that begin at no keyframe (recovery points, intra pictures)",
    "held_back": "Readings put off because the stream takes more than its share of the CPU",
}


def upgrade() -> None:
    with op.batch_alter_table("stream_status") as table:
        for name, comment in COLUMNS.items():
            table.add_column(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False, comment=comment))


def downgrade() -> None:
    with op.batch_alter_table("stream_status") as table:
        for name in COLUMNS:
            table.drop_column(name)
