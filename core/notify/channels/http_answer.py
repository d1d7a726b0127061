"""One bounded HTTP request to a gateway, and what its failure means for the message."""

from __future__ import annotations

import json as json_module
from dataclasses import dataclass
from typing import Any

import aiohttp
from pydantic import JsonValue

from core.notify.channels.base import AnswerLost, ChannelRefused, ChannelUnavailable

MAX_ANSWER = 64 * 1024
RETRIED = frozenset({408, 425, 429})  # of the statuses 4xx


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str

    @property
    def json(self) -> JsonValue:
        """The answer as JSON; None if it is none."""
        try:
            found: JsonValue = json_module.loads(self.text)
        except (ValueError, RecursionError):
            return None
        return found


async def ask(http: aiohttp.ClientSession, method: str, url: str, *, timeout_s: float, **request: Any) -> Answer:
    """Return the answer. Raises ChannelUnavailable if nothing was sent, AnswerLost if the answer did not come."""
    limit = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with http.request(method, url, timeout=limit, allow_redirects=False, **request) as answer:
            body = await answer.content.read(MAX_ANSWER)
            return Answer(answer.status, body.decode("utf-8", "replace"))
    except aiohttp.ClientConnectorError as e:
        raise ChannelUnavailable(f"the gateway was not reached ({type(e).__name__})") from e
    except TimeoutError as e:
        raise AnswerLost(f"the gateway did not answer within {timeout_s:g} s") from e
    except (aiohttp.ClientError, ValueError) as e:
        raise AnswerLost(f"the connection to the gateway broke ({type(e).__name__})") from e


def check_status(answer: Answer) -> None:
    """Raise ChannelRefused or ChannelUnavailable for a status other than 2xx."""
    if 200 <= answer.status < 300:
        return
    refused = 300 <= answer.status < 500 and answer.status not in RETRIED
    error = ChannelRefused if refused else ChannelUnavailable
    raise error(f"the gateway answered with status {answer.status}")


def field(found: JsonValue, path: str) -> str:
    """Return a value by its path (data.id) as text; empty if it is not there."""
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return "" if found is None else str(found)
