"""Workbooks that decompress to large sizes, and sheets of which only a corner is used."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from cameras.registry import import_list, workbook
from core.errors import InventoryError


def book(path: Path, sheet: bytes, **more: bytes) -> Path:
    """Write a workbook whose sheet is replaced, with additional parts."""
    whole = io.BytesIO()
    Workbook().save(whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for name in source.namelist():
            target.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else more.pop(name, source.read(name)))
        for name, content in more.items():
            target.writestr(name, content)
    return path


def sheet(rows: bytes) -> bytes:
    name = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return name + rows + b"</sheetData></worksheet>"


def cell(place: str, text: str) -> bytes:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'.encode()


HEAD = b'<row r="1">' + cell("A1", "village") + cell("B1", "site") + b"</row>"
LINE = b'<row r="2">' + cell("A2", "wangjia") + cell("B2", "gate") + b"</row>"


def test_a_cell_in_the_last_corner_costs_nothing(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", sheet(HEAD + LINE + b'<row r="3">' + cell("XFD3", "x") + b"</row>"))
    assert import_list.read(path) == [(2, {"village": "wangjia", "site": "gate"})]


@pytest.mark.parametrize(
    "rows",
    [
        HEAD + b'<row r="1048576">' + cell("XFD1048576", "x") + b"</row>",
        HEAD + b"".join(b'<row r="%d"><c r="A%d"/></row>' % (n, n) for n in range(2, 25_000)),
        HEAD + b"<row>" + b"<c/>" * 1_500_000 + b"</row>",
        HEAD + b"<row><c/></row>" * 50_000,
        HEAD + b" " * 41_000_000,
        HEAD + b'<row r="' + b"9" * 5000 + b'"><c/></row>',
        HEAD + b'<row r="x"><c r="A"/></row>',
        HEAD + b'<row r="2"><c r="A2" t="s"><v>99</v></c></row>',
        HEAD + b'<row r="2"><c r="A2" t="d"><v>99</v></c></row>',
        HEAD + b'<row r="2"><c r="A2"><v>1e999</v></c></row>' + b"<row",
    ],
)  # fmt: skip
def test_a_sheet_that_is_no_list_is_refused_quickly(tmp_path: Path, rows: bytes) -> None:
    path = book(tmp_path / "a.xlsx", sheet(rows))
    began = time.process_time()
    with pytest.raises(InventoryError):
        import_list.read(path)
    assert time.process_time() - began < 6


def test_other_parts_are_bounded_too(tmp_path: Path) -> None:
    for name, content in (("xl/styles.xml", b"<a>" * 2_000_000), ("xl/media/a.bin", bytes(5_000_000))):
        with pytest.raises(InventoryError, match="too large"):
            import_list.read(book(tmp_path / "a.xlsx", sheet(HEAD + LINE), **{name: content}))
    many = {f"xl/media/{n}": b"" for n in range(workbook.MAX_PARTS)}
    with pytest.raises(InventoryError, match="too large"):
        import_list.read(book(tmp_path / "a.xlsx", sheet(HEAD + LINE), **many))


def test_a_text_file_of_endless_lines_or_columns_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("village,site\n" + "wangjia,gate\n" * 30_000)
    with pytest.raises(InventoryError, match="more than 20000 lines"):
        import_list.read(path)
    path.write_text("village,site\nwangjia,gate" + "," * 1_000_000)
    assert import_list.read(path) == [(2, {"village": "wangjia", "site": "gate"})]
    path.write_bytes(b"," * (import_list.MAX_FILE_BYTES + 1))
    with pytest.raises(InventoryError, match="10 MB"):
        import_list.read(path)
