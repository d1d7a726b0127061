"""Audit rows sealed with a key; sign-in attempts counted by account and source; passwords that must be changed."""

import sqlalchemy as sa
from alembic import op

import core.audit.audit_trail
from core.database import UtcDateTime

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column(
        "audit",
        sa.Column(
            "key_id",
            sa.String(16),
            server_default="",
            nullable=False,
            comment="Which key sealed it; empty: a row of before there was one",
        ),
    )
    _comment("HMAC-SHA256 over all of the above; of old rows SHA-256", "SHA-256 over all of the above")
    for statement in core.audit.audit_trail.INSERT_TRIGGER_STATEMENTS[op.get_bind().dialect.name]:
        op.execute(statement)
    op.add_column(
        "user",
        sa.Column(
            "must_change",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="Somebody else set the password: it is changed at the next sign-in",
        ),
    )
    op.drop_column("user", "failures")
    op.drop_column("user", "locked_until")
    op.create_table(
        "sign_in_source",
        sa.Column(
            "name", sa.String(60), nullable=False, comment="Log-in name as it was given, whether there is one or not"
        ),
        sa.Column(
            "source", sa.String(80), nullable=False, comment="Client's address (IPv6: /64), or a device that it knows"
        ),
        sa.Column(
            "failures",
            sa.Integer(),
            nullable=False,
            comment="Tries since the last success, each counted before it is checked",
        ),
        sa.Column("wait_until", UtcDateTime(), nullable=True, comment="No try before this"),
        sa.Column("tried_at", UtcDateTime(), nullable=False),
        sa.Column("known", sa.Boolean(), nullable=False, comment="A device that this account has signed in from"),
        sa.PrimaryKeyConstraint("name", "source", name=op.f("pk_sign_in_source")),
        comment="Tries to sign in, by account and source",
    )
    op.create_index(op.f("ix_sign_in_source_tried_at"), "sign_in_source", ["tried_at"])


def downgrade() -> None:
    op.drop_table("sign_in_source")
    op.add_column(
        "user", sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True, comment="No sign-in before this")
    )
    op.add_column(
        "user",
        sa.Column(
            "failures",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Wrong passwords since the last success",
        ),
    )
    op.drop_column("user", "must_change")
    server = op.get_bind().dialect.name == "postgresql"
    op.execute(f"DROP TRIGGER audit_no_replace{' ON audit' if server else ''}")
    if server:
        op.execute("DROP FUNCTION audit_at_the_end()")
    _comment("SHA-256 over all of the above", "HMAC-SHA256 over all of the above; of old rows SHA-256")
    op.drop_column("audit", "key_id")


def _comment(text: str, before: str) -> None:
    if op.get_bind().dialect.name != "sqlite":  # SQLite stores no comments
        op.alter_column("audit", "hash", existing_type=sa.String(64), comment=text, existing_comment=before)
