"""`minwang record` that logs how much of every file had been flushed to the disk: the basis of a simulated power cut.

    python -m bench.parts.traced_record INVENTORY DATA TRACE SYNC_INTERVAL

A file's bytes count as safe when syncfs(2) has returned after they were written. Directory entries and the database are
assumed to survive (both are journalled); file data that was not flushed is lost.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from core.settings import Settings
from nvr.storage import disk_writer
from station.roles import record_command


def main() -> None:
    plan, data, trace, interval = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
    real, safe = disk_writer.sync_file_system, dict[str, int]()

    def noted(folder: Path) -> OSError | None:
        written = {str(p): p.stat().st_size for p in folder.rglob("*.mp4")}
        error = real(folder)
        safe.update(written)
        with trace.open("a") as f:
            f.write(json.dumps({"flushed": safe}) + "\n")
        return error

    disk_writer.sync_file_system = noted
    settings = Settings()
    settings.recorder.sync_interval = interval
    settings.retention.min_free_bytes = 0
    asyncio.run(record_command.record(settings, plan, 120.0, data, None, 6.0))


if __name__ == "__main__":
    main()
