"""The texts of messages. They are data (texts.yaml), and a text may use the fields of `FIELDS` only (R-NOTE-1)."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from core.errors import SettingsError
from core.notify.vocabulary import MessageKind

FIELDS = frozenset({"station", "level", "number", "village", "time", "link"})
SHIPPED = Path(__file__).with_name("texts.yaml")


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


class Content(BaseModel):
    """All that a message may say about its matter.

    `page`: the page behind the log-in for other systems; persons get the one of their role (`core.notify.links`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: str = Field(max_length=40, pattern=r"^[\w.:-]*$")
    village: str = Field("", max_length=80)
    at: datetime
    page: str = Field("/", max_length=200, pattern=r"^/[\w/.-]*$")


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every text of a station needs. `url`: address of the console as the receivers reach it."""

    station: str
    url: str
    zone: tzinfo
    language: Language = Language.ZH


Texts = Mapping[tuple[MessageKind, Language], str]


def load(path: Path = SHIPPED) -> Texts:
    """Return the texts of a file. Raises SettingsError if one is missing or uses a field that must not leave."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise SettingsError(f"{path}: the texts cannot be read ({type(e).__name__}); mend the file") from e
    found = {}
    for kind in MessageKind:
        for language in Language:
            of_kind = given.get(kind.value) if isinstance(given, dict) else None
            text = of_kind.get(language.value) if isinstance(of_kind, dict) else None
            if not isinstance(text, str) or not text.strip():
                raise SettingsError(f"{path}: the text of {kind.value} in {language.value} is missing; write one")
            _check_fields(path, kind, text)
            found[kind, language] = text
    return found


def _check_fields(path: Path, kind: MessageKind, text: str) -> None:
    try:
        used = {
            (name, conversion, spec) for _, name, spec, conversion in string.Formatter().parse(text) if name is not None
        }
    except ValueError as e:
        raise SettingsError(
            f"{path}: the text of {kind.value} cannot be read ({e}); write braces only around fields"
        ) from e
    for name, conversion, spec in used:
        if name not in FIELDS or conversion or spec:
            allowed = ", ".join(sorted(FIELDS))
            sentence = f"{path}: the text of {kind.value} uses {{{name}}}; only {allowed} may leave the station"
            raise SettingsError(sentence)


def render(texts: Texts, head: Letterhead, kind: MessageKind, severity: int, content: Content) -> str:
    """Return the text of a message in the station's language and zone."""
    return texts[kind, head.language].format(
        station=head.station, level=severity, number=content.number, village=content.village or head.station,
        time=f"{content.at.astimezone(head.zone):%Y-%m-%d %H:%M:%S}", link=head.url.rstrip("/") + content.page,
    )  # fmt: skip
