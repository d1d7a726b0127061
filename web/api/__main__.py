"""Writes the API's document for the console's build: .venv/bin/python -m web.api

It needs no running station. tests/web/framework/test_openapi.py fails while the stored document is not the current one.
"""

from __future__ import annotations

from pathlib import Path

from web.api import ROUTES
from web.framework import openapi

DOCUMENT = Path(__file__).parents[1] / "console" / "src" / "api" / "openapi.json"


def main() -> None:
    """Write the document, if it differs from the stored one."""
    text = openapi.text(ROUTES)
    if not DOCUMENT.is_file() or DOCUMENT.read_text(encoding="utf-8") != text:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
