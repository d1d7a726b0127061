"""Second factors of accounts, sign-ins that wait for a code, and the device of a session."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    op.add_column(
        "sign_in",
        sa.Column(
            "device", sa.String(64), nullable=False, server_default="",
            comment="SHA-256 of the device's token; empty: an older release's",
        ),
    )  # fmt: skip
    for name, comment in (
        ("code_at", "When a one-time code was last given in it (UTC); null: never"),
        ("replaced_at", "When a sign-in on another phone ended it (UTC); null: it was not"),
    ):
        op.add_column("sign_in", sa.Column(name, UtcDateTime(), nullable=True, comment=comment))
    _account_table(
        "sign_in_pending",
        "Sign-ins that wait for a one-time code, for three minutes",
        sa.Column("token_hash", sa.String(64), nullable=False, comment="SHA-256 of the page's token"),
        sa.Column("user_id", sa.Integer(), nullable=False, comment="Account whose password was given"),
        sa.Column("source", sa.String(80), nullable=False, comment="Source under which its password was counted"),
        sa.Column("created_at", UtcDateTime(), nullable=False, comment="When the password was given (UTC)"),
        key="token_hash",
    )
    op.create_index(op.f("ix_sign_in_pending_user_id"), "sign_in_pending", ["user_id"])
    op.create_index(op.f("ix_sign_in_pending_created_at"), "sign_in_pending", ["created_at"])
    _account_table(
        "second_factor",
        "Authenticators of accounts: time-based one-time codes",
        sa.Column("user_id", sa.Integer(), nullable=False, comment="Account that it belongs to"),
        sa.Column(
            "sealed", sa.String(400), nullable=False, comment="Its secret, sealed with the station's key (core.secrets)"
        ),
        sa.Column(
            "enrolled_at", UtcDateTime(), nullable=True,
            comment="When its first code was given (UTC); null: not yet, it counts for nothing",
        ),
        sa.Column(
            "last_step", sa.BigInteger(), nullable=False,
            comment="Time step of the newest code accepted; none up to it is accepted again",
        ),
        key="user_id",
    )  # fmt: skip
    _account_table(
        "recovery_code",
        "Recovery codes of accounts that were not used yet",
        sa.Column("digest", sa.String(64), nullable=False, comment="HMAC-SHA256 under the station's key"),
        sa.Column("user_id", sa.Integer(), nullable=False, comment="Account that it belongs to"),
        key="digest",
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"])


def _account_table(name: str, comment: str, *columns: sa.Column[object], key: str) -> None:
    """Create a table whose rows go with their account."""
    op.create_table(
        name,
        *columns,
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f(f"fk_{name}_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{name}")),
        comment=comment,
    )


def downgrade() -> None:
    op.drop_table("recovery_code")
    op.drop_table("second_factor")
    op.drop_table("sign_in_pending")
    with op.batch_alter_table("sign_in") as batch:
        batch.drop_column("replaced_at")
        batch.drop_column("code_at")
        batch.drop_column("device")
