from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.store import SightingStore


@pytest.fixture
def days(tmp_path: Path) -> Iterator[SightingStore]:
    store = SightingStore(tmp_path / "sightings")
    yield store
    store.close()
