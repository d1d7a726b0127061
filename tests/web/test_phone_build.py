"""The phone's pages stay small, and contain nothing of the console's heavy parts."""

from __future__ import annotations

import re

import pytest

from bench.parts.phone_build import PHONE_BYTES, phone_files, sent_bytes
from tests.conftest import ROOT

DIST = ROOT / "web" / "console" / "dist"

pytestmark = pytest.mark.skipif(not (DIST / "phone.html").is_file(), reason="the console is not built")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_phone_loads_at_most_120_kb(language: str) -> None:
    files = phone_files(DIST, language)
    assert {p.suffix for p in files} == {".js", ".css"}
    total = sum(sent_bytes(p) for p in files)
    assert 40_000 < total <= PHONE_BYTES, {p.name: sent_bytes(p) for p in files}


def test_the_phone_contains_neither_element_plus_nor_the_map_nor_a_font() -> None:
    for path in phone_files(DIST, "zh-CN") | phone_files(DIST, "en"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"el-table|ol-viewport|hls\.js|alicdn|@font-face", text), path
