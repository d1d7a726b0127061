"""The settings of the demo's station."""

from __future__ import annotations

import json
from pathlib import Path

from core.settings import SecondFactorPolicy

ROOT = Path(__file__).parents[2]
INVENTORY = "inventory.yaml"  # in the data folder

Section = dict[str, str | int | float]


def write_settings(folder: Path, port: int, database: str, second_factor: SecondFactorPolicy) -> Path:
    """Write the settings file into the data folder; returns its path. `database` empty: SQLite in the folder."""
    sections: dict[str, Section] = {
        "station": {"name": "西店派出所(演示)"},
        "data": {"dir": str(folder), "database": database},
        "web": {"port": port},
        "accounts": {"second_factor": second_factor},
        "recorder": {"segment_seconds": 20.0},
        "retention": {"min_free_bytes": 100_000_000},
        "patrol": {"interval_minutes": 0.25, "light_seconds": 2.0, "pace": 0.004, "learning_looks": 5},
        "orders": {"verification_minutes": 1.5},  # an order closes while one watches
    }
    lines = [f"inventory = {json.dumps(str(folder / INVENTORY))}"]
    for section, keys in sections.items():
        lines += ["", f"[{section}]", *(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in keys.items())]
    path = folder / "minwang.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
