"""The files of the phone's pages in a build of the console."""

from __future__ import annotations

import re
from pathlib import Path

PHONE_BYTES = 120_000  # most that a phone loads, compressed: all pages in one language
_FILE = re.compile(r"""["'`](?:\./|/assets/|assets/)([\w.-]+\.(?:js|css))["'`]""")
# The first file of the texts in the other language.
_OTHER = {"zh-CN": re.compile(r"texts\.en-"), "en": re.compile(r"texts-")}


def phone_files(dist: Path, language: str) -> set[Path]:
    """Return all scripts and styles that phone.html names or that those load, at once or later, in one language."""
    wanted = _FILE.findall((dist / "phone.html").read_text(encoding="utf-8"))
    seen: set[Path] = set()
    while wanted:
        path = dist / "assets" / wanted.pop()
        if path not in seen and not _OTHER[language].match(path.name):
            seen.add(path)
            if path.suffix == ".js":
                wanted += _FILE.findall(_without_preloads(path.read_text(encoding="utf-8")))
    return seen


def _without_preloads(script: str) -> str:
    """Return a script without its list of files to load early: it names those of both languages."""
    return re.sub(r"__vite__mapDeps=.*?\];|m\.f=\[.*?\]", "", script, count=1)


def sent_bytes(path: Path) -> int:
    """Return the size of the smallest form in which the station sends the file."""
    forms = [path, path.with_name(f"{path.name}.br"), path.with_name(f"{path.name}.gz")]
    return min(form.stat().st_size for form in forms if form.is_file())
