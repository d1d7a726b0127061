"""The console has a sentence for every code of the server, in both languages, and none for a code it does not have."""

from __future__ import annotations

import json
import re

import pytest

from core.error_codes import ErrorCode, InputProblemKind
from core.error_parameters import InputLimits
from tests.conftest import ROOT

WORDS = ROOT / "web" / "console" / "src" / "i18n"
LANGUAGES = ("zh-CN", "en")


def _texts(language: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((WORDS / f"errors.{language}.json").read_text(encoding="utf-8"))
    return texts


def _placeholders(text: str) -> set[str]:
    """Return the named placeholders of a vue-i18n message; {'@'} is a literal."""
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_text_and_every_text_a_code(language: str) -> None:
    texts = _texts(language)
    assert {c.value for c in ErrorCode} - set(texts) == set(), "codes without a text"
    assert set(texts) - {c.value for c in ErrorCode} == set(), "texts of codes that the server has not"
    assert [code for code, text in texts.items() if len(text.strip()) < 4] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_name_only_parameters_of_their_code(language: str) -> None:
    texts = _texts(language)
    wrong = {c.value: sorted(extra) for c in ErrorCode if (extra := _placeholders(texts[c]) - set(c.parameters))}
    assert not wrong, wrong


def test_both_languages_say_the_same() -> None:
    chinese, english = map(_texts, LANGUAGES)
    differ = [c.value for c in ErrorCode if _placeholders(chinese[c]) != _placeholders(english[c])]
    assert not differ, differ
    assert [c for c, text in chinese.items() if not re.search("[\u4e00-\u9fff]", text)] == []
    assert [c for c, text in english.items() if re.search("[\u4e00-\u9fff]", text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_use_no_sign_that_vue_i18n_reads_otherwise(language: str) -> None:
    """A bare @ links to another message, | separates plural forms, and braces stand around a name or a literal."""
    bare = {c: re.sub(r"\{(\w+|'[^']*')\}", "", text) for c, text in _texts(language).items()}
    assert [c for c, text in bare.items() if re.search(r"[@|{}]", text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_invalid_field_has_a_text(language: str) -> None:
    words = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))["input"]
    assert set(words) == {*InputProblemKind, "separator"}
    assert set().union(*map(_placeholders, words.values())) <= set(InputLimits.__annotations__)
