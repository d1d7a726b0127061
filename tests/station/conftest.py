"""The station's processes use the database that `--database` selects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgres


@pytest.fixture(autouse=True)
def station_database(chosen_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not chosen_address:
        yield
        return
    with postgres.empty_database(chosen_address) as address:
        monkeypatch.setenv("MINWANG_DATA__DATABASE", address)
        monkeypatch.setenv("MINWANG_DEMO_DATABASE", address)
        yield
