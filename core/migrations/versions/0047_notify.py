"""Contacts of persons, and the outbox of messages to them."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from core.events import BigId

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    op.create_table(
        "notify_contact",
        sa.Column("id", sa.Integer(), nullable=False, comment="Primary key"),
        sa.Column("account", sa.String(60), nullable=False, comment="Whose address it is; *: another system"),
        sa.Column("channel", sa.String(10), nullable=False, comment="wecom, sms, voice, email, webhook"),
        sa.Column(
            "address",
            sa.String(200),
            nullable=False,
            comment="Number, user id or mail address; empty: the channel's own",
        ),
        sa.Column("since", UtcDateTime(), nullable=False, comment="From when on it is used (UTC)"),
        sa.Column("until", UtcDateTime(), nullable=True, comment="Used until then (UTC); null: until it is changed"),
        sa.Column("changed_by", sa.String(60), nullable=False, comment="Account that entered it"),
        sa.Column("second_person", sa.String(60), nullable=True, comment="Who agreed, where it is another's contact"),
        sa.Column("replaces", sa.Integer(), nullable=True, comment="Row of the contact before it; null: the first"),
        sa.CheckConstraint(
            "second_person IS NULL OR second_person <> changed_by", name=op.f("ck_notify_contact_second_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notify_contact")),
        comment="How persons are reached, with every change",
    )
    op.create_index(op.f("ix_notify_contact_account_channel"), "notify_contact", ["account", "channel"])
    op.create_table(
        "notify_delivery",
        sa.Column("id", BigId, nullable=False, comment="Primary key"),
        sa.Column("key", sa.String(200), nullable=False, comment="Given to the channel; the same on every attempt"),
        sa.Column("subject", sa.String(80), nullable=False, comment="What it is about, e.g. alert:12"),
        sa.Column("kind", sa.String(20), nullable=False, comment="Which text (core.notify.vocabulary)"),
        sa.Column("severity", sa.Integer(), nullable=False, comment="1 (at once) … 4 (can wait)"),
        sa.Column("content", sa.JSON(), nullable=False, comment="Number, village, time and page; nothing else"),
        sa.Column("account", sa.String(60), nullable=False, comment="Receiver; *: another system"),
        sa.Column("channel", sa.String(10), nullable=False, comment="wecom, sms, voice, email, webhook"),
        sa.Column("contact", sa.Integer(), nullable=False, comment="Address"),
        sa.Column(
            "state", sa.String(10), nullable=False, comment="queued, sending, sent, delivered, failed, cancelled"
        ),
        sa.Column("created_at", UtcDateTime(), nullable=False, comment="When the fact was written (UTC)"),
        sa.Column(
            "due_at", UtcDateTime(), nullable=False,
            comment="Not sent before (UTC): escalation, quiet hours, retries",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="How often it was handed to the channel"),
        sa.Column(
            "unanswered", sa.Integer(), nullable=False,
            comment="Attempts whose answer was lost: the person may have got it more than once",
        ),
        sa.Column("sent_at", UtcDateTime(), nullable=True, comment="When the channel took it (UTC)"),
        sa.Column(
            "delivered_at", UtcDateTime(), nullable=True, comment="When it arrived, as the channel says (UTC)"
        ),
        sa.Column("reference", sa.String(120), nullable=False, comment="The channel's own number of it"),
        sa.Column("error", sa.String(300), nullable=False, comment="Why the last attempt failed; no secrets"),
        sa.ForeignKeyConstraint(
            ["contact"], ["notify_contact.id"], name=op.f("fk_notify_delivery_contact_notify_contact")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notify_delivery")),
        sa.UniqueConstraint("key", name=op.f("uq_notify_delivery_key")),
        comment="Outbox of messages to persons; written in the transaction of the fact",
    )  # fmt: skip
    op.create_index(op.f("ix_notify_delivery_state_channel_due_at"), "notify_delivery", ["state", "channel", "due_at"])
    op.create_index(op.f("ix_notify_delivery_subject"), "notify_delivery", ["subject"])
    op.create_index(op.f("ix_notify_delivery_created_at"), "notify_delivery", ["created_at"])
    op.create_table(
        "notify_secret",
        sa.Column("name", sa.String(40), nullable=False, comment="As notify.yaml names it"),
        sa.Column("sealed", sa.String(2000), nullable=False, comment="Sealed with the station's key (core.secrets)"),
        sa.Column("set_at", UtcDateTime(), nullable=False, comment="When it was set (UTC)"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_notify_secret")),
        comment="Secrets of channels, sealed",
    )


def downgrade() -> None:
    op.drop_table("notify_secret")
    op.drop_table("notify_delivery")
    op.drop_table("notify_contact")
