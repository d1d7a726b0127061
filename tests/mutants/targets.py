"""The packages that are mutated, and the tests that must notice: fast unit tests, on SQLite only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MIN_KILLED = 0.85  # share of the mutants of each package


@dataclass(frozen=True, slots=True)
class Target:
    """A package or module and its unit tests; paths below the checkout."""

    source: str
    tests: tuple[str, ...]

    def files(self) -> Iterator[Path]:
        place = ROOT / self.source
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place]


TARGETS = (
    Target("nvr/archive/coverage/timeline.py", ("tests/nvr/archive/coverage/test_timeline.py",)),
    Target("core/audit", ("tests/core/audit",)),
    Target("health/faults", ("tests/health/faults",)),
    Target("web/framework", ("tests/web/framework",)),
    Target("cases", ("tests/cases", "tests/web/test_shift.py")),
)
# Many calls to whole servers: minutes for each mutant.
LEFT_OUT = tuple(
    f"tests/web/framework/{name}.py" for name in ("test_no_5xx", "test_openapi_fuzz", "test_socket_revalidation")
)
