"""Channels, states and kinds of messages."""

from __future__ import annotations

from enum import StrEnum


class ChannelKind(StrEnum):
    """How a message reaches a person, or another system (webhook, MQTT)."""

    WECOM = "wecom"  # application message of WeCom to one person
    SMS = "sms"
    VOICE = "voice"
    EMAIL = "email"
    WEBPUSH = "webpush"  # the push service of the phone's browser; beside the others, never instead
    WEBHOOK = "webhook"
    MQTT = "mqtt"  # a broker, for a siren or a loudspeaker


SYSTEM_CHANNELS = (ChannelKind.WEBHOOK, ChannelKind.MQTT)  # have one receiver, whose address the channel knows


class DeliveryState(StrEnum):
    """queued → sending → sent → delivered, or → failed, or queued → cancelled."""

    QUEUED = "queued"
    SENDING = "sending"  # handed to the channel; its answer is not known yet
    SENT = "sent"  # the channel took it
    DELIVERED = "delivered"  # the channel says that it arrived
    FAILED = "failed"  # refused, or given up after `outbox.GIVE_UP_AFTER`
    CANCELLED = "cancelled"  # somebody took the matter before it was sent


class MessageKind(StrEnum):
    """What a message is about; each has a text in every language (core/notify/texts.yaml)."""

    ALERT = "alert"
    ALERT_RECALLED = "alert_recalled"
    FAULT = "fault"
    ORDER_LATE = "order_late"
    RETENTION_SHORT = "retention_short"
    DISK = "disk"
    CONTACT_CHANGED = "contact_changed"
    CONTACT_ANOMALY = "contact_anomaly"
    TEST = "test"
