"""A page as PDF, through the same HTML that the browser prints. Text stays searchable (WeasyPrint embeds the fonts' own code points)."""

from __future__ import annotations

from core.errors import StorageError


def made(html: str) -> bytes:
    """A4 PDF of a page that loads nothing from anywhere. Not for the loop: a second or two. Raises StorageError where the
    system's text library is missing."""
    try:
        from weasyprint import HTML  # with Pango: only who wants a PDF needs it
    except OSError as e:
        raise StorageError(
            "PDF needs Pango; install it (apt-get install libpango-1.0-0 libpangoft2-1.0-0), or print the page from the browser"
        ) from e
    if not _has_fonts():
        raise StorageError("PDF needs fonts and none is installed; install them (apt-get install fonts-noto-cjk)")
    content: bytes = HTML(string=html, url_fetcher=_nothing).write_pdf()
    return content


def _has_fonts() -> bool:
    """Pango ends the process where there is no font at all (seen with Pango 1.50: a segmentation fault)."""
    from weasyprint.text.ffi import ffi, fontconfig

    found = ffi.gc(fontconfig.FcInitLoadConfigAndFonts(), fontconfig.FcConfigDestroy)
    return bool(fontconfig.FcConfigGetFonts(found, fontconfig.FcSetSystem).nfont)


def _nothing(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"a page may not load {url}")
