"""`pack.json`: the definition of a model pack.

A folder with a `pack.json` and the files it names is a pack. The file maps the model's classes to ours, so a new model
needs no code unless no decoder knows the layout of its outputs.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import DetectorError
from search.vocabulary import Attribute, Cls, Colour

DEFINITION_FILE = "pack.json"
MAX_BYTES = 2_000_000_000
MIN_CONFIDENCE = 0.7  # probability of being right below which nothing is said of an object
UNKNOWN = 0.5  # confidence of what was never measured
_NAME_FIELD = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")


class PackFile(BaseModel):
    """One file of a pack with its size in bytes, SHA-256 and source URL."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = _NAME_FIELD
    bytes: int = Field(gt=0, le=MAX_BYTES)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    source: str = Field("", pattern=r"^(https?://\S{1,400})?$")


class Input(BaseModel):
    """How a picture is converted to the network's input: (value - mean) / scale per channel of `colour`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    width: int = Field(ge=8, le=4096)
    height: int = Field(ge=8, le=4096)
    colour: Literal["bgr", "rgb"] = "bgr"
    mean: tuple[float, float, float] = (0, 0, 0)
    scale: tuple[float, float, float] = (1, 1, 1)
    letterbox: bool = False


class Reliability(BaseModel):
    """How often a word was right where it was measured: a curve from a score to a probability.

    `points`: (score, probability that the word is true), by rising score; between them the curve is straight.
    `source`: the pictures, the reference and the number of objects that it comes from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    points: tuple[tuple[float, float], ...] = Field(min_length=1)
    source: str = Field(min_length=10, max_length=400)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        scores, probabilities = zip(*self.points, strict=True)
        for values in (scores, probabilities):
            if list(values) != sorted(values):
                raise ValueError("scores and probabilities must not fall")
        if not 0 <= probabilities[0] <= probabilities[-1] <= 1:
            raise ValueError("probabilities lie in 0…1")
        return self

    def probability(self, score: float) -> float:
        """Return the probability that the word is true, given the pack's score."""
        scores, probabilities = zip(*self.points, strict=True)
        return float(np.interp(score, scores, probabilities))


class Pack(BaseModel):
    """A validated pack definition."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = _NAME_FIELD
    version: str = _NAME_FIELD
    task: Literal["detect", "attribute", "embed", "plate"]
    format: Literal["openvino", "onnx", "ultralytics"]
    title: str = Field("", max_length=200)
    licence: str = Field(min_length=1, max_length=80)
    files: tuple[PackFile, ...] = Field(min_length=1, max_length=20)
    input: Input
    decoder: Literal["boxes", "ssd", "yolo", "end2end", "library", "vector", "sigmoids", "softmaxes", "plate"]
    # the network's label (number, or name in the weights) → our class
    classes: dict[str, str] = Field(default_factory=dict)
    outputs: dict[str, tuple[str | None, ...]] = Field(
        default_factory=dict
    )  # attribute packs: meaning of each value of an output
    threshold: float = Field(0.5, ge=0, le=1)
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict
    )  # of single outputs, instead of `threshold`
    # attribute packs: by word; a word without a curve is not said. Empty: the scores are taken for probabilities.
    reliability: dict[str, Reliability] = Field(default_factory=dict)
    min_height: int = Field(0, ge=0, le=4096)  # pixels of a crop, below which no class is taken from the pack
    dimension: int = Field(256, ge=8, le=4096)
    same: float = Field(0.6, ge=-1, le=1)  # cosine above which two vectors are likely of one object
    applies_to: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()  # plate packs: the character of each number
    rank: int = 0  # the highest rank of a task is used unless the settings name a pack

    @field_validator("classes")
    @classmethod
    def _known_classes(cls, value: dict[str, str]) -> dict[str, str]:
        return {k: _check_word(v, Cls.__members__, "class") for k, v in value.items()}

    @field_validator("applies_to")
    @classmethod
    def _known_objects(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_check_word(v, Cls.__members__, "class") for v in value)

    @field_validator("outputs")
    @classmethod
    def _known_outputs(cls, value: dict[str, tuple[str | None, ...]]) -> dict[str, tuple[str | None, ...]]:
        words = {*Attribute.__members__, *Cls.__members__, *Colour.__members__}
        for meanings in value.values():
            for word in meanings:
                if word is not None:
                    _check_word(word, words, "attribute, class or colour")
        return value

    @model_validator(mode="after")
    def _thresholds_of_outputs(self) -> Self:
        for output in self.thresholds:
            _check_word(output, self.outputs, "output")
        return self

    @model_validator(mode="after")
    def _reliability_of_meanings(self) -> Self:
        for word in self.reliability:
            _check_word(word, self._meanings(), "meaning of an output")
        return self

    def threshold_of(self, output: str) -> float:
        return self.thresholds.get(output, self.threshold)

    def confidence(self, word: str, score: float) -> float:
        """Return the probability that a word of an output is true, given its score; UNKNOWN if it was not measured."""
        if not self.reliability:
            return score
        curve = self.reliability.get(word)
        return UNKNOWN if curve is None else curve.probability(score)

    def told_words(self) -> set[str]:
        """Return the meanings of the outputs that the pack can say with MIN_CONFIDENCE."""
        return {word for word in self._meanings() if self.confidence(word, 1.0) >= MIN_CONFIDENCE}

    def denied_words(self) -> set[str]:
        """Return the meanings of the outputs of which the pack can say with MIN_CONFIDENCE that they are absent."""
        return {word for word in self._meanings() if 1 - self.confidence(word, 0.0) >= MIN_CONFIDENCE}

    def _meanings(self) -> set[str]:
        return {word for words in self.outputs.values() for word in words if word is not None}

    @property
    def name(self) -> str:
        """`id@version`."""
        return f"{self.id}@{self.version}"


def _check_word(word: str, words: object, kind: str) -> str:
    if word not in words:  # type: ignore[operator]
        raise ValueError(f"'{word}' is not a known {kind}")
    return word


def read_definition(path: Path) -> Pack:
    """Read a definition. Raises DetectorError that names file, field and problem."""
    try:
        return Pack.model_validate_json(path.read_bytes())
    except OSError as e:
        raise DetectorError(f"{path}: cannot be read ({e.strerror})") from e
    except ValidationError as e:
        first = e.errors()[0]
        raise DetectorError(f"{path}: {'.'.join(str(p) for p in first['loc']) or 'the file'}: {first['msg']}") from e


def file_problems(pack: Pack, folder: Path) -> list[str]:
    """Return the problems of a pack's files: missing, wrong size, wrong checksum. Empty if there are none."""
    found = []
    for file in pack.files:
        path = folder / file.name
        if not path.is_file():
            found.append(f"{path}: missing")
        elif path.stat().st_size != file.bytes:
            found.append(f"{path}: has {path.stat().st_size} bytes, {file.bytes} were expected")
        elif checksum(path) != file.sha256:
            found.append(f"{path}: its SHA-256 is not the one in {DEFINITION_FILE}; fetch it again")
    return found


def checksum(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
