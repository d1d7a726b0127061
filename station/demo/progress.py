"""What the demo prints while it runs."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class DemoProgress:
    """Prints one line per step, with the seconds since the start, to stderr (stdout is for the summary)."""

    started: float = field(default_factory=time.monotonic)

    def report(self, text: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - self.started:5.1f} s] {text}\n")
        sys.stderr.flush()
