"""The address of a camera may include the path of its service: changes the column's comment."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

OLD, NEW = "host[:port] of the ONVIF service", "host[:port][/path] of the ONVIF service, or its URL"


def _comment(text: str, before: str) -> None:
    if op.get_bind().dialect.name != "sqlite":  # SQLite stores no comments
        op.alter_column("camera", "address", existing_type=sa.String(120), comment=text, existing_comment=before)


def upgrade() -> None:
    _comment(NEW, OLD)


def downgrade() -> None:
    _comment(OLD, NEW)
