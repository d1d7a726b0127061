"""How many bytes may be queued for a disk."""

from __future__ import annotations

from pathlib import Path

from nvr.storage.disk_writer import MIN_BACKLOG_BYTES, SegmentFile, Writer, backlog_limit


def test_a_tenth_of_the_memory_waits_for_all_disks_together_and_never_less_than_before() -> None:
    assert backlog_limit(24_000_000_000, 1) == 2_400_000_000
    assert backlog_limit(24_000_000_000, 4) == 600_000_000
    assert backlog_limit(2_000_000_000, 2) == backlog_limit(0, 0) == MIN_BACKLOG_BYTES


def test_beyond_its_limit_a_disk_that_does_not_answer_costs_what_comes_and_not_what_waits() -> None:
    writer, file = Writer(max_backlog=1000), SegmentFile(Path("/nowhere"), lambda _: None)  # never started
    assert writer.append(file, bytes(600), size=600)
    writer.submit()
    assert writer.append(file, bytes(600), size=600)
    writer.submit()
    assert not writer.append(file, bytes(1), size=1)
    assert (file.size, writer.dropped_bytes) == (1200, 1)
