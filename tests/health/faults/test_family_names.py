"""The table of fault families, and the names that signed registers still contain."""

from __future__ import annotations

from health.faults.families import FAMILIES, FORMER_NAMES, chinese_name
from health.faults.findings import CheckFindings
from health.vocabulary import FaultFamily


def test_every_family_has_its_properties() -> None:
    assert list(FAMILIES) == list(FaultFamily)
    assert all(cause in FAMILIES for family in FAMILIES.values() for cause in family.explained_by)


def test_former_names_of_signed_registers_have_a_chinese_name() -> None:
    assert {old: chinese_name(old) for old in FORMER_NAMES} == {
        "veil": "蒙尘起雾", "cast": "偏色", "covered_part": "部分遮挡", "stripes": "条纹", "mosaic": "花屏",
    }  # fmt: skip
    assert chinese_name("haze") == "蒙尘起雾" and chinese_name("not a family") == "not a family"
    assert not set(FORMER_NAMES) & set(FAMILIES)


def test_withdrawn_findings_are_unknown() -> None:
    findings = CheckFindings({FaultFamily.HAZE: {}, FaultFamily.CLOCK: {}}, {FaultFamily.GOP})
    findings.withdraw([FaultFamily.HAZE, FaultFamily.MOVED])
    assert findings == CheckFindings({FaultFamily.CLOCK: {}}, {FaultFamily.GOP, FaultFamily.HAZE})
