"""The alerts of docs/prometheus-alerts.yml fire when they should (`promtool test rules`), on series that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

RULES = ROOT / "docs" / "prometheus-alerts.yml"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_each_alert_rule_fires_as_specified(tmp_path: Path) -> None:
    text = (Path(__file__).parent / "alerts_test.yml").read_text(encoding="utf-8").replace("RULES", str(RULES))
    (tmp_path / "alerts.yml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(tmp_path / "alerts.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_rule_has_a_test() -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    tests = yaml.safe_load((Path(__file__).parent / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {t["alertname"] for test in tests for t in test["alert_rule_test"] if t["exp_alerts"]}
    assert fired == {r["alert"] for r in rules}


def test_the_station_exports_each_series_of_the_alert_rules() -> None:
    told = set(re.findall(r"minwang_\w+", (ROOT / "web" / "api" / "metrics.py").read_text(encoding="utf-8")))
    wanted = set(
        re.findall(
            r"minwang_\w+", "".join(str(r["expr"]) for r in yaml.safe_load(RULES.read_text())["groups"][0]["rules"])
        )
    )
    assert {w for w in wanted if w not in told and not w.startswith("minwang_search_")} == set()
