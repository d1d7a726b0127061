"""Saved views of the wall name their layout, those with a large cell included; subjects keep their example picture."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"

BEFORE = "Number of cells: 1, 4, 6, 9, 16, 25"
AFTER = "Division: 1, 4, 6, 9, 16, 25 equal cells, or 1+5, 1+7 with a large one"


def upgrade() -> None:
    with op.batch_alter_table("wall_view") as batch:
        batch.alter_column(
            "layout", existing_type=sa.Integer(), type_=sa.String(4), existing_nullable=False, comment=AFTER,
            existing_comment=BEFORE, postgresql_using="layout::varchar",
        )  # fmt: skip
    comment = "Path of the example picture below the data folder; empty: none"
    column = sa.Column("picture", sa.String(200), nullable=False, server_default="", comment=comment)
    op.add_column("watch_subject", column)


def downgrade() -> None:
    with op.batch_alter_table("watch_subject") as batch:
        batch.drop_column("picture")
    # The even division with room for the same cells.
    op.execute("UPDATE wall_view SET layout = '6' WHERE layout = '1+5'")
    op.execute("UPDATE wall_view SET layout = '9' WHERE layout = '1+7'")
    op.execute("UPDATE wall_view SET layout = '4' WHERE layout NOT IN ('1', '4', '6', '9', '16', '25')")
    with op.batch_alter_table("wall_view") as batch:
        batch.alter_column(
            "layout", existing_type=sa.String(4), type_=sa.Integer(), existing_nullable=False, comment=BEFORE,
            existing_comment=AFTER, postgresql_using="layout::integer",
        )  # fmt: skip
