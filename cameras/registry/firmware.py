"""Firmware versions with known vulnerabilities: a list shipped with the product and the station's own list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cameras.records import DeviceRecord
from core.errors import SettingsError

SHIPPED_LIST = Path(__file__).parent / "firmware.yaml"
STATION_LIST_NAME = "firmware.yaml"  # the station's own list, in the data folder


class KnownVulnerability(BaseModel):
    """One known vulnerability. If both `build_before` and `below` are given, both must match."""

    model_config = ConfigDict(extra="forbid")

    id: str
    manufacturer: str
    model: str = ""
    build_before: str | None = None
    below: str | None = None
    what: str = ""

    def affects(self, device: DeviceRecord) -> bool:
        firmware = str(device.get("firmware") or "")
        if self.manufacturer not in str(device.get("manufacturer") or "").lower():
            return False
        if self.model and self.model.lower() not in str(device.get("model") or "").lower():
            return False
        build = re.search(r"build\s*(\d{6})", firmware, re.IGNORECASE)
        if self.build_before is not None and (build is None or build.group(1) >= self.build_before):
            return False
        version = _version(firmware)
        return self.below is None or () < version < _version(self.below)


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(n) for n in found.group().split(".")) if found else ()


def load(data_dir: Path | None = None) -> list[KnownVulnerability]:
    """Return our list and the station's. Raises SettingsError if the station's list cannot be read."""
    vulnerabilities = TypeAdapter(list[KnownVulnerability]).validate_python(
        yaml.safe_load(SHIPPED_LIST.read_text(encoding="utf-8"))
    )
    path = data_dir / STATION_LIST_NAME if data_dir is not None else None
    if path is not None and path.is_file():
        try:
            vulnerabilities += TypeAdapter(list[KnownVulnerability]).validate_python(
                yaml.safe_load(path.read_text(encoding="utf-8")) or []
            )
        except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as e:
            raise SettingsError(
                f"{path}: not a list of vulnerabilities like cameras/registry/firmware.yaml: {str(e).splitlines()[0]}"
            ) from e
    return vulnerabilities


def known_vulnerabilities(device: DeviceRecord, vulnerabilities: Sequence[KnownVulnerability]) -> list[str]:
    return sorted({v.id for v in vulnerabilities if v.affects(device)})
