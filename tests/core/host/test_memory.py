"""The memory that a process may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.host import memory


def test_the_smaller_of_machine_and_control_group_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "LIMITS", (limit, tmp_path / "none"))
    whole = memory.total_bytes()
    assert whole > 100_000_000
    limit.write_text("max\n")
    assert memory.total_bytes() == whole
    limit.write_text("50000000\n")
    assert memory.total_bytes() == 50_000_000
