"""`minwang index --verify` reads what is indexed and writes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.database import Database
from core.settings import Settings
from search.store import upkeep, verify
from station.cli.foreground import search


@pytest.mark.parametrize("wrong", [[], ["2026-11-21: 3 vectors are missing"]])
async def test_verify_indexes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: list[str]
) -> None:
    def index(*_: object) -> None:
        raise AssertionError("it loaded a detector")

    monkeypatch.setattr(search, "load", index)
    monkeypatch.setattr(verify, "problems", lambda store: [str(w) for w in wrong if store.days() == []])
    settings = Settings().with_values({"data.dir": tmp_path})
    store = await asyncio.to_thread(upkeep.sighting_store_of, settings)
    await asyncio.to_thread(store.close)
    options = search.IndexOptions(start=None, end=None, camera=(), pack=None, verify=True)
    assert await search.index(database, settings, options) == {"sightings": 0, "detector": "", "wrong": wrong}
