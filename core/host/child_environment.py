"""The environment of a child process that runs modules of this program: `python -m station …`.

The program runs from its folder (a checkout, a release, an installed package) without being installed into Python, and
a child process may start in another working directory, so it must be told where the modules are.
"""

from __future__ import annotations

import os
from pathlib import Path

PROGRAM_FOLDER = Path(__file__).parents[2]


def child_environment(**variables: str) -> dict[str, str]:
    """Return this process's environment with PYTHONPATH set to the program's folder, and with `variables`."""
    return {**os.environ, "PYTHONPATH": str(PROGRAM_FOLDER), **variables}
