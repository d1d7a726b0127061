"""Renders a page to PDF, from the HTML that the browser prints.

The text stays searchable, because WeasyPrint embeds code points.
"""

from __future__ import annotations

from core.error_codes import ErrorCode
from core.errors import StorageError


def render_pdf(html: str) -> bytes:
    """Return an A4 PDF of a page; the page may load no other resource.

    Blocking, one to two seconds; call it from a thread. Raises StorageError if WeasyPrint, Pango or fonts are missing.
    """
    try:
        from weasyprint import HTML  # needs Pango, which is required for PDF only
    except ModuleNotFoundError as e:
        raise StorageError(
            "PDF needs the Python package weasyprint; install it, or print the page from the browser",
            ErrorCode.PDF_PACKAGE_MISSING,
        ) from e
    except OSError as e:
        raise StorageError(
            "PDF needs Pango; install it (apt-get install libpango-1.0-0 libpangoft2-1.0-0), "
            "or print the page from the browser",
            ErrorCode.PDF_LIBRARY_MISSING,
        ) from e
    if not _has_fonts():
        raise StorageError(
            "PDF needs fonts and none is installed; install them (apt-get install fonts-noto-cjk)",
            ErrorCode.PDF_FONTS_MISSING,
        )
    content: bytes = HTML(string=html, url_fetcher=_nothing).write_pdf()
    return content


def _has_fonts() -> bool:
    """Return whether any font is installed. Without one, Pango crashes the process (segmentation fault, Pango 1.50)."""
    from weasyprint.text.ffi import ffi, fontconfig

    found = ffi.gc(fontconfig.FcInitLoadConfigAndFonts(), fontconfig.FcConfigDestroy)
    return bool(fontconfig.FcConfigGetFonts(found, fontconfig.FcSetSystem).nfont)


def _nothing(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"a page may not load {url}")
