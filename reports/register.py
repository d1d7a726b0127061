"""The day's patrol register (巡检登记) as a page to print and sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, select_autoescape

from health.faults.families import chinese_name
from reports.percentages import percent

# Part of a register's content. The template fills in what registers of earlier versions lack.
Printed: TypeAlias = Mapping[str, Any]

_PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape())


def render(day: Printed, names: Mapping[str, str], station: str, zone: ZoneInfo) -> str:
    """Return the day's register as HTML.

    `day`: the figures of health.kpi.figures.day with day, signed_by, signed_at, digest and supplements.
    """

    def clock(text: str | datetime | None) -> str:
        at = datetime.fromisoformat(text) if isinstance(text, str) else text
        return f"{at.astimezone(zone):%m-%d %H:%M}" if at else ""

    def short_holes(figures: Printed) -> str:
        """Return the text of the short gaps; older registers did not count them."""
        holes, seconds = figures.get("short_holes"), figures.get("short_hole_seconds")
        return "—" if holes is None else f"{holes} 处 {seconds or 0:.1f} 秒"

    def listed(faults: Sequence[Printed]) -> list[Printed]:
        return [
            {
                **f, "chinese": chinese_name(f["family"]), "title": names.get(f["camera"], f["name"]),
                "opened": clock(f["opened_at"]), "closed": clock(f["closed_at"]),
            }
            for f in sorted(faults, key=lambda f: (f["severity"], f["camera"]))
        ]  # fmt: skip

    return _PAGES.get_template("register.html").render(
        day=day,
        no_faults=_no_faults(day["figures"]),
        figures=day["figures"],
        faults=listed(day["figures"]["faults"]),
        patrol=day["figures"].get("patrol"),
        supplements=[
            {**s, "faults": listed(s["figures"]["faults"]), "signed": clock(s["signed_at"])}
            for s in day.get("supplements", ())
        ],
        station=station,
        percent=partial(percent, digits=2),
        short_holes=short_holes,
        clock=clock,
        signed=clock(day["signed_at"]),
        names=names,
    )


def _no_faults(figures: Printed) -> str:
    """Return what an empty list of faults means: "no fault" may be said only of cameras that were inspected."""
    missed = len(figures.get("not_looked", ()))
    if not figures.get("looked"):
        return "当日未巡检, 故障情况不明"
    return f"已巡点位未发现故障, {missed} 个点位未巡检, 情况不明" if missed else "当日无故障"
