"""What a channel takes and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.errors import MinwangError


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A rendered message. `key` is the same on every attempt: the gateway drops a second one."""

    key: str
    address: str
    title: str
    text: str
    severity: int
    kind: str = ""  # of core.notify.vocabulary.MessageKind
    page: str = "/"  # of the console, behind the log-in


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the gateway answered. `delivered`: it says that the person has it, not only that it took it."""

    reference: str = ""
    delivered: bool = False


class ChannelError(MinwangError):
    """A channel did not take a message. The sentence contains no secret and no address."""


class ChannelRefused(ChannelError):
    """The gateway refuses this message for good (a wrong number, a text that it does not allow)."""


class AddressGone(ChannelRefused):
    """The address does not exist any more: nothing will ever reach it."""


class ChannelUnavailable(ChannelError):
    """The gateway was not reached, or cannot take messages now; a retry makes sense."""


class AnswerLost(ChannelError):
    """The message went out and its answer did not come: the gateway may have it."""


class Channel(Protocol):
    async def send(self, message: Outgoing) -> Receipt:
        """Hand over one message. Raises ChannelRefused, ChannelUnavailable, AnswerLost; ends within its time limit."""
