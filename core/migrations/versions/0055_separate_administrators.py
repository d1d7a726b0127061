"""Administrators who also manage the accounts, until the station has a security administrator."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    with op.batch_alter_table("user") as batch:
        batch.add_column(
            sa.Column(
                "also_security", sa.Boolean(), nullable=False, server_default=sa.false(),
                comment="Administrator who also manages the accounts, until the station has a security administrator",
            )
        )  # fmt: skip
        batch.create_check_constraint(op.f("ck_user_one_duty"), "NOT also_security OR role = 'administrator'")
    user = sa.table("user", sa.column("role"), sa.column("villages", sa.JSON()), sa.column("also_security"))
    town = sa.or_(user.c.villages.is_(None), sa.cast(user.c.villages, sa.Text()) == "null")
    op.execute(user.update().where(user.c.role == "administrator", town).values(also_security=sa.true()))


def downgrade() -> None:
    # A security administrator has no role in older releases: it becomes an administrator, which managed accounts there.
    user = sa.table("user", sa.column("role"))
    op.execute(user.update().where(user.c.role == "security_administrator").values(role="administrator"))
    with op.batch_alter_table("user") as batch:
        batch.drop_constraint(op.f("ck_user_one_duty"), type_="check")
        batch.drop_column("also_security")
