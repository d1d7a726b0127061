"""A village's report as PDF: who gets it, what it contains, and the row that each download leaves."""

from __future__ import annotations

import asyncio
import shutil
import sys
from asyncio.subprocess import PIPE

import pytest
from sqlalchemy import select

from core.accounts.permissions import Role
from core.audit.audit_trail import AuditRow
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import StorageError
from reports import pdf
from reports.coverage import css_text
from tests.web.conftest import SignIn


async def _text_of(content: bytes) -> str:
    process = await asyncio.create_subprocess_exec("pdftotext", "-layout", "-", "-", stdin=PIPE, stdout=PIPE)
    return (await process.communicate(content))[0].decode()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext (poppler-utils) is not installed")
async def test_a_funder_downloads_his_village_and_each_download_is_audited(sign_in: SignIn, database: Database) -> None:
    funder = await sign_in(Role.FUNDER, ["wangjia"])
    for language, words in (
        ("zh", ("民网覆盖月报", "王家村", "签收", "第 1 页")),
        ("en", ("Monthly coverage", "of 1")),
    ):
        async with funder.get(f"/report/wangjia/pdf?lang={language}") as reply:
            content = await reply.read()
            assert reply.status == 200 and reply.content_type == "application/pdf" and content[:5] == b"%PDF-"
            assert reply.headers["Content-Disposition"].startswith('attachment; filename="wangjia-20')
            assert reply.headers["Cache-Control"] == "no-store"
        text = await _text_of(content)
        assert all(word in text for word in words), text
    async with database.reading() as session:
        rows = list(await session.scalars(select(AuditRow).where(AuditRow.action == "report.export")))
    assert [(r.object, r.data["digest"]) for r in rows] == [("wangjia", "")] * 2, "not final: no digest"
    assert all(r.data["month"] and r.actor == rows[0].actor for r in rows)


async def test_nobody_gets_the_report_of_another_village(sign_in: SignIn, database: Database) -> None:
    funder = await sign_in(Role.FUNDER, ["wangjia"])
    assert (await funder.get("/report/xidian/pdf")).status == 404
    assert (await (await sign_in(Role.CONTRACTOR)).get("/report/wangjia/pdf")).status == 403
    async with database.reading() as session:
        assert list(await session.scalars(select(AuditRow).where(AuditRow.action == "report.export"))) == []


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(StorageError, match="weasyprint") as refused:
        pdf.render_pdf("<p>a</p>")
    assert refused.value.code is ErrorCode.PDF_PACKAGE_MISSING


def test_names_cannot_leave_their_quotes_in_css() -> None:
    assert (
        css_text('村"; } body { x: url(y)') == "村\\22 \\3b \\20 \\7d \\20 body\\20 \\7b \\20 x\\3a \\20 url\\28 y\\29 "
    )
