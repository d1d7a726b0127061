"""`python -m web.doctor.printing`: check that Chinese characters are printed as characters.

Renders the text from standard input with the reports' renderer and inspects the PDF: which glyph stands for each
character (the ToUnicode maps), and whether an embedded font draws that glyph. The box for a missing character has no
outline in any of them. Prints one JSON object: `missing` characters and the fonts' `families`, or `error`.
"""

from __future__ import annotations

import html
import io
import json
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterator

from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont

from core.errors import StorageError
from reports import pdf

FONT_MAGIC = (b"OTTO", b"\0\1\0\0", b"true")


def inspect_rendering(text: str) -> dict[str, object]:
    """Render `text` to PDF and inspect it. `missing` holds the characters that have no glyph of their own."""
    page = f"<html lang='zh-CN'><body style='font-family: sans-serif'><p>{html.escape(text)}</p></body></html>"
    document = pdf.render_pdf(page)
    streams = list(_streams(document))
    fonts = [TTFont(io.BytesIO(s), lazy=True) for s in streams if s[:4] in FONT_MAGIC]
    drawn: dict[str, str] = {}
    for mapping in map(_characters, streams):
        for number, character in mapping:
            if outline := next((o for f in fonts if (o := _outline(f, number))), ""):
                drawn.setdefault(character, outline)
    wanted = [c for c in dict.fromkeys(text) if not c.isspace()]
    # One outline for several characters is the box for a missing character.
    shared = {outline for outline, count in Counter(drawn.values()).items() if count > 1}
    missing = [c for c in wanted if c not in drawn or drawn[c] in shared]
    families = sorted({m.decode("latin-1") for s in streams for m in re.findall(rb"/FontFamily \(([^)]+)\)", s)})
    return {"missing": "".join(missing), "families": families}


def _streams(document: bytes) -> Iterator[bytes]:
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL):
        try:
            yield zlib.decompress(found[1])
        except zlib.error:
            yield found[1]


def _characters(stream: bytes) -> Iterator[tuple[int, str]]:
    """Yield (glyph, character) of a ToUnicode map (ISO 32000-1, 9.10.3)."""
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", stream, re.DOTALL):
        for number, code in re.findall(rb"<([0-9a-fA-F]+)>\s*<([0-9a-fA-F]+)>", block):
            yield int(number, 16), bytes.fromhex(code.decode()).decode("utf-16-be", "replace")


def _outline(font: TTFont, number: int) -> str:
    """Return the outline of a glyph; empty if the glyph does not exist, is .notdef, or is blank."""
    if not 0 < number < font["maxp"].numGlyphs:
        return ""
    glyphs = font.getGlyphSet()
    name = font.getGlyphName(number)
    bounds, recorded = BoundsPen(glyphs), RecordingPen()
    glyphs[name].draw(bounds)
    if bounds.bounds is None:
        return ""
    glyphs[name].draw(recorded)
    return repr(recorded.value)


def main() -> None:
    try:
        found = inspect_rendering(sys.stdin.read())
    except StorageError as e:
        found = {"error": str(e)}
    sys.stdout.write(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    main()
