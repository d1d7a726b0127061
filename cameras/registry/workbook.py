"""Read the first sheet of an XLSX workbook as rows of text.

Size limits apply while reading, because a few kilobytes can decompress to gigabytes.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from core.errors import InventoryError

MAX_FILE_BYTES = 10_000_000  # maximum size of the file, bytes
MAX_PART_BYTES = {"xl/worksheets/": 40_000_000, "xl/sharedStrings.xml": 40_000_000}  # maximum decompressed size, bytes
MAX_OTHER_PART_BYTES = 4_000_000
MAX_PARTS = 500
MAX_TAGS, MAX_ROW_TAGS = 3_000_000, 20_000  # XML tags per part, and per row (Excel has 16,384 columns)
MAX_COLUMNS = 64
_READ_BYTES = 1 << 16
_BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def rows(path: Path, max_rows: int) -> Iterator[list[str]]:
    """Yield at most `most` rows. Raises InventoryError if the file is not a workbook or is too large; OSError."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    with path.open("rb") as file:
        try:
            _check_size(path)
            book = load_workbook(file, read_only=True, data_only=True)
        except (zipfile.BadZipFile, SyntaxError, zlib.error) as e:  # the errors of both XML parsers are SyntaxErrors
            raise InventoryError([f"{path}: the file is damaged; save it again as .xlsx or .csv"]) from e
        except (InvalidFileException, *_BROKEN) as e:
            raise InventoryError([f"{path}: not an XLSX file; save it as .xlsx or .csv"]) from e
        try:
            for row in book.worksheets[0].iter_rows(max_row=max_rows, max_col=MAX_COLUMNS, values_only=True):
                yield [_cell(v) for v in row]
        except _BROKEN as e:
            raise InventoryError([f"{path}: the sheet cannot be read; save it again as .xlsx or .csv"]) from e
        finally:
            book.close()


def _check_size(path: Path) -> None:
    """Check the decompressed size of every part. Raises InventoryError and BadZipFile."""
    too_large = InventoryError(
        [f"{path}: the workbook is too large for a list of cameras; save the list alone, as .xlsx or .csv"]
    )
    if path.stat().st_size > MAX_FILE_BYTES:
        raise too_large
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if len(parts) > MAX_PARTS:
            raise too_large
        for part in parts:
            most = next(
                (m for name, m in MAX_PART_BYTES.items() if part.filename.startswith(name)), MAX_OTHER_PART_BYTES
            )
            if part.file_size > most or not _tags_fit(archive, part):
                raise too_large


def _tags_fit(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Count XML tags in total and per row: parsed elements take a hundred times their bytes."""
    tags = in_row = 0
    with archive.open(part) as content:
        while chunk := content.read(_READ_BYTES):
            count = chunk.count(b"<")
            tags += count
            in_row = count if b"<row" in chunk or b"<si" in chunk else in_row + count
            if tags > MAX_TAGS or in_row > MAX_ROW_TAGS + _READ_BYTES // 4:
                return False
    return True


def _cell(value: object) -> str:
    """Return the text of a cell of any type: number, date, formula, rich text …"""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
