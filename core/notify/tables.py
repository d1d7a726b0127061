"""Tables of messages to persons: how to reach somebody, and what was sent over which channel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, EnumText
from core.events import BigId
from core.notify.vocabulary import ChannelKind, DeliveryState, MessageKind

CHANNELS = "core.notify.vocabulary.ChannelKind: wecom, sms, voice, email, webpush, webhook, mqtt"


class Contact(Base):
    """An address of a person. A change adds a row and ends the old one later; no row is ever changed otherwise."""

    __tablename__ = "notify_contact"
    __table_args__ = (
        CheckConstraint("second_person IS NULL OR second_person <> changed_by", name="second_person"),
        Index(None, "account", "channel"),
        {"comment": "How persons are reached, with every change"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    account: Mapped[str] = mapped_column(String(60), comment="Whose address it is; *: another system")
    channel: Mapped[ChannelKind] = mapped_column(EnumText(ChannelKind, 10), comment=CHANNELS)
    address: Mapped[str] = mapped_column(
        String(200), comment="Number, user id or mail address; empty: the channel's own"
    )
    since: Mapped[datetime] = mapped_column(comment="From when on it is used (UTC)")
    until: Mapped[datetime | None] = mapped_column(comment="Used until then (UTC); null: until it is changed")
    changed_by: Mapped[str] = mapped_column(String(60), comment="Account that entered it")
    second_person: Mapped[str | None] = mapped_column(String(60), comment="Who agreed, where it is another's contact")
    replaces: Mapped[int | None] = mapped_column(comment="Row of the contact before it; null: the first")


class Delivery(Base):
    """One message to one person over one channel."""

    __tablename__ = "notify_delivery"
    __table_args__ = (
        Index(None, "state", "channel", "due_at"),
        Index(None, "subject"),
        Index(None, "created_at"),
        {"comment": "Outbox of messages to persons; written in the transaction of the fact"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    key: Mapped[str] = mapped_column(
        String(200), unique=True, comment="Given to the channel; the same on every attempt"
    )
    subject: Mapped[str] = mapped_column(String(80), comment="What it is about, e.g. alert:12")
    kind: Mapped[MessageKind] = mapped_column(EnumText(MessageKind, 20), comment="Which text (core.notify.vocabulary)")
    severity: Mapped[int] = mapped_column(comment="1 (at once) … 4 (can wait)")
    content: Mapped[dict[str, Any]] = mapped_column(JSON, comment="Number, village, time and page; nothing else")
    account: Mapped[str] = mapped_column(String(60), comment="Receiver; *: another system")
    channel: Mapped[ChannelKind] = mapped_column(EnumText(ChannelKind, 10), comment=CHANNELS)
    contact: Mapped[int] = mapped_column(ForeignKey("notify_contact.id"), comment="Address")
    state: Mapped[DeliveryState] = mapped_column(
        EnumText(DeliveryState, 10), comment="queued, sending, sent, delivered, failed, cancelled"
    )
    created_at: Mapped[datetime] = mapped_column(comment="When the fact was written (UTC)")
    due_at: Mapped[datetime] = mapped_column(comment="Not sent before (UTC): escalation, quiet hours, retries")
    attempts: Mapped[int] = mapped_column(default=0, comment="How often it was handed to the channel")
    unanswered: Mapped[int] = mapped_column(
        default=0, comment="Attempts whose answer was lost: the person may have got it more than once"
    )
    sent_at: Mapped[datetime | None] = mapped_column(comment="When the channel took it (UTC)")
    delivered_at: Mapped[datetime | None] = mapped_column(comment="When it arrived, as the channel says (UTC)")
    reference: Mapped[str] = mapped_column(String(120), default="", comment="The channel's own number of it")
    error: Mapped[str] = mapped_column(String(300), default="", comment="Why the last attempt failed; no secrets")


class PushSubscription(Base):
    """A phone that a push service rings. It goes with its session."""

    __tablename__ = "push_subscription"
    __table_args__ = ({"comment": "Phones that a push service rings"},)

    contact: Mapped[int] = mapped_column(
        ForeignKey("notify_contact.id"), primary_key=True, autoincrement=False, comment="Contact that stands for it"
    )
    endpoint: Mapped[str] = mapped_column(String(1000), comment="Where the phone's push service takes messages")
    p256dh: Mapped[str] = mapped_column(String(120), comment="The phone's public key, base64url")
    auth: Mapped[str] = mapped_column(String(40), comment="The phone's authentication secret, base64url")
    sign_in: Mapped[str] = mapped_column(
        ForeignKey("sign_in.token_hash", ondelete="CASCADE"),
        unique=True,
        comment="Session that made it and with which it ends",
    )


class ChannelSecret(Base):
    """A secret that notify.yaml names."""

    __tablename__ = "notify_secret"
    __table_args__ = ({"comment": "Secrets of channels, sealed"},)

    name: Mapped[str] = mapped_column(String(40), primary_key=True, comment="As notify.yaml names it")
    sealed: Mapped[str] = mapped_column(String(2000), comment="Sealed with the station's key (core.secrets)")
    set_at: Mapped[datetime] = mapped_column(comment="When it was set (UTC)")
