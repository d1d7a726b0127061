"""Counters of what a stream sends besides its pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

COLUMNS = {
    "foreign_packets": "Of another SSRC, payload type or channel: ignored",
    "skipped_units": "NAL units that no decoder needs (unknown, vendors', oversized SEI)",
    "damaged_units": "Pictures dropped because a part of them is missing",
}


def upgrade() -> None:
    with op.batch_alter_table("stream_status") as table:
        for name, comment in COLUMNS.items():
            table.add_column(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False, comment=comment))


def downgrade() -> None:
    with op.batch_alter_table("stream_status") as table:
        for name in COLUMNS:
            table.drop_column(name)
