"""Watch-list subjects can end before they expire; a case number is unique within a village."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0019"
down_revision = "0017"
OLD, NEW = "The station's case number", "The case number, once in each village"


def _comment(text: str, before: str) -> None:
    if op.get_bind().dialect.name != "sqlite":  # SQLite stores no comments
        op.alter_column("case_file", "number", existing_type=sa.String(40), comment=text, existing_comment=before)


def upgrade() -> None:
    with op.batch_alter_table("case_file") as batch:
        batch.drop_constraint("uq_case_file_number", type_="unique")
        batch.create_unique_constraint("uq_case_file_village_number", ["village", "number"])
    _comment(NEW, OLD)
    op.add_column(
        "watch_subject",
        sa.Column("ended_by", sa.String(60), nullable=True, comment="Who took it off the list before its time"),
    )
    op.add_column("watch_subject", sa.Column("ended_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("watch_subject") as batch:
        batch.drop_column("ended_at")
        batch.drop_column("ended_by")
    # A number was unique within the town before: later cases with the same number get a new one.
    op.execute(
        "UPDATE case_file SET number = substr(number, 1, 28) || '#' || id "
        "WHERE EXISTS (SELECT 1 FROM case_file AS first WHERE first.number = case_file.number AND first.id < "
        "case_file.id)"
    )
    with op.batch_alter_table("case_file") as batch:
        batch.drop_constraint("uq_case_file_village_number", type_="unique")
        batch.create_unique_constraint("uq_case_file_number", ["number"])
    _comment(OLD, NEW)
