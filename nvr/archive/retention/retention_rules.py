"""The retention promised for each stream. In: the registry and the settings. Out: RetentionRules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.states import StreamKind
from cameras.tables import LEGAL_RETENTION_DAYS, Camera
from core.ids import StreamId
from core.settings import RetentionSettings


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """The retention promised for a stream."""

    days: float
    village: str


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """The rules of all registered streams; others are kept as the settings say."""

    settings: RetentionSettings
    of_streams: Mapping[str, RetentionRule]

    def days(self, stream: str) -> float:
        rule = self.of_streams.get(stream)
        if rule is not None:
            return rule.days
        return self.settings.sub_days if StreamId(stream).kind == StreamKind.SUB else self.settings.main_days

    def village(self, stream: str) -> str | None:
        rule = self.of_streams.get(stream)
        return rule.village if rule is not None else None

    def promised(self) -> list[float]:
        """Return all promised numbers of days."""
        return [self.settings.main_days, self.settings.sub_days, *(r.days for r in self.of_streams.values())]


async def load_rules(session: AsyncSession, settings: RetentionSettings) -> RetentionRules:
    rules: dict[str, RetentionRule] = {}
    for camera in await session.scalars(select(Camera)):
        rules[f"{camera.id}/{StreamKind.MAIN}"] = RetentionRule(promised_days(camera.profile, settings), camera.village)
        rules[f"{camera.id}/{StreamKind.SUB}"] = RetentionRule(settings.sub_days, camera.village)
    return RetentionRules(settings, rules)


def promised_days(profile: Mapping[str, object], settings: RetentionSettings) -> float:
    """Return the days for which a camera's main stream is kept (R-RET-1).

    Fewer than the 30 that the law requires only if the camera's legal class is stated.
    """
    given = profile.get("retention_days")
    days = float(given) if isinstance(given, int | float | str) and given else settings.main_days
    return days if profile.get("legal_class") else max(days, LEGAL_RETENTION_DAYS)
