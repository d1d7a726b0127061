"""Subscriptions of phones to a push service; names of the new channels in comments."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"

CHANNELS = "core.notify.vocabulary.ChannelKind: wecom, sms, voice, email, webpush, webhook, mqtt"


def upgrade() -> None:
    op.create_table(
        "push_subscription",
        sa.Column("contact", sa.Integer(), nullable=False, comment="Contact that stands for it"),
        sa.Column("endpoint", sa.String(1000), nullable=False, comment="Where the phone's push service takes messages"),
        sa.Column("p256dh", sa.String(120), nullable=False, comment="The phone's public key, base64url"),
        sa.Column("auth", sa.String(40), nullable=False, comment="The phone's authentication secret, base64url"),
        sa.Column("sign_in", sa.String(64), nullable=False, comment="Session that made it and with which it ends"),
        sa.ForeignKeyConstraint(
            ["contact"], ["notify_contact.id"], name=op.f("fk_push_subscription_contact_notify_contact")
        ),
        sa.ForeignKeyConstraint(
            ["sign_in"], ["sign_in.token_hash"], name=op.f("fk_push_subscription_sign_in_sign_in"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact", name=op.f("pk_push_subscription")),
        sa.UniqueConstraint("sign_in", name=op.f("uq_push_subscription_sign_in")),
        comment="Phones that a push service rings",
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("notify_contact", "notify_delivery"):
            op.alter_column(table, "channel", comment=CHANNELS)


def downgrade() -> None:
    op.drop_table("push_subscription")
