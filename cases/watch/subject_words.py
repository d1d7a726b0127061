"""What a subject is looked for by, in the words of search: whom, on which cameras, at what hours.

Stored with the subject (`watch_subject.words`). A subject from before there were such words has its class and colours.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from cases.tables import WatchSubject
from search.query.filters import Colours, Corner, Filter
from search.store.ids import MAX_CAMERAS
from search.vocabulary import AttributeWord, ClassWord, DirectionWord, HeadingWord, SpeedWord

_LISTS = ("cls", "upper", "lower")


def _as_list(value: object) -> object:
    """Accept one word instead of a list of them."""
    return [value] if isinstance(value, str) else value


class SubjectWords(BaseModel):
    """The restrictions of a search that a single sighting can be judged by; empty fields do not restrict."""

    model_config = ConfigDict(extra="forbid")
    cls: Annotated[list[ClassWord], BeforeValidator(_as_list), Field(max_length=20)] = Field(
        default_factory=list, description="Any of these classes"
    )
    not_cls: list[ClassWord] = Field(default_factory=list, max_length=20)
    upper: Colours = Field(default_factory=list, description="Any of these colours; one may stand without a list")
    lower: Colours = Field(default_factory=list)
    not_upper: Colours = Field(default_factory=list)
    not_lower: Colours = Field(default_factory=list)
    infrared: bool = Field(False, description="With a colour: also what was seen without colours at night")
    attributes: list[AttributeWord] = Field(default_factory=list, max_length=20)
    lacking: list[AttributeWord] = Field(default_factory=list, max_length=20)
    directions: list[DirectionWord] = Field(default_factory=list, max_length=9, description="In the picture")
    heading: HeadingWord | None = Field(None, description="On the compass; only cameras whose azimuth is known")
    speeds: list[SpeedWord] = Field(default_factory=list, max_length=4)
    plate: str = Field("", max_length=13, description="A part of it, as in search; only where a pack reads plates")
    cameras: list[str] = Field(default_factory=list, max_length=MAX_CAMERAS, description="Camera ids; empty: all")
    map_area: list[Corner] = Field(
        default_factory=list, max_length=200, description="Polygon on the map: lon, lat; the cameras in it"
    )
    nightly: str | None = Field(
        None, pattern=r"^\d\d:\d\d-\d\d:\d\d$", description="Every day from-to, local time; may cross midnight"
    )

    def as_filter(self) -> Filter:
        return Filter.model_validate(self.restrictions())

    def restrictions(self) -> dict[str, JsonValue]:
        """Return the fields that restrict, as JSON values."""
        names = set(SubjectWords.model_fields)
        return self.model_dump(mode="json", include=names, exclude_defaults=True)

    def describes_somebody(self) -> bool:
        """Return whether they say more than a class and a place, which everybody there would match."""
        return bool(self.upper or self.lower or self.attributes or self.plate.strip("*"))


def words_of(row: WatchSubject) -> SubjectWords:
    """Return the words of a stored subject."""
    if row.words:
        return SubjectWords.model_validate(row.words)
    return SubjectWords.model_validate({name: [w] for name in _LISTS if (w := getattr(row, name)) is not None})
