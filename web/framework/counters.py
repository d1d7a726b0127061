"""Counters of the web server for /metrics: refused requests, dropped connections, refused work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiohttp.web_server import Server
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from web.http.connection_limits import Connections
from web.services import Services


class WebCounters(Collector):
    """The counters of one controller. Reads no database."""

    def __init__(self, services: Services, server: Server | None):
        self._services, self._server = services, server

    def collect(self) -> Iterable[Metric]:
        limit, lanes = (
            self._services.anonymous_limit,
            (self._services.search_executor, self._services.footage_executor, self._services.page_executor),
        )
        for name, text, value in (
            (
                "requests_limited",
                "Requests answered 429 because their address sent too many without signing in",
                limit.limited,
            ),
            ("requests_refused", "Refused requests without a session", limit.refused),
        ):
            yield CounterMetricFamily(f"minwang_web_{name}", text, value=value)
        yield _labelled(
            "work_refused",
            "Calls refused because the queue was full",
            "work",
            {w.name: w.refused for w in lanes},
        )
        yield _labelled("work_given_up", "Calls that timed out", "work", {w.name: w.abandoned for w in lanes})
        if isinstance(self._server, Connections):
            yield _labelled(
                "connections_dropped", "Connections that were closed to make room, or idle", "why", self._server.dropped
            )


def _labelled(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"minwang_web_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
