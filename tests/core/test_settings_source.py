"""Where settings come from: every error names file and line or the variable; every value has its origin."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy.engine import make_url

from core import settings, settings_source
from core.errors import SettingsError
from core.settings_source import line_of
from station.cli.main import cli


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [n for n in os.environ if n.startswith("MINWANG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(settings_source, "SYSTEM_FILE", tmp_path / "etc.toml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(text: str) -> str:
    Path("minwang.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        settings.load()
    return str(caught.value)


def test_a_bad_zone_is_told_at_load() -> None:
    said = refused('[station]\nname = "x"\ntimezone = "Asia/Shangai"\n')
    assert said.startswith("minwang.toml:3: 'station.timezone': 'Asia/Shangai' is not an IANA time zone")
    assert "Asia/Shanghai" in said


@pytest.mark.parametrize("name", ["", "../etc/passwd", "Asia", "/etc/localtime", "posixrules\0"])
def test_what_is_no_zone(name: str) -> None:
    assert "station.timezone" in refused(f"[station]\ntimezone = {json.dumps(name)}\n")


@pytest.mark.parametrize(
    "address",
    ["garbage", "mysql://x:geheim@h/d", "postgresql+asyncpg://u:geheim@h/d", "postgresql://u:geheim@h:port/d", "://"],
)
def test_a_database_that_cannot_be_used(address: str) -> None:
    said = refused(f'[data]\n\ndatabase = "{address}"\n')
    assert (
        said.startswith("minwang.toml:3: 'data.database': ")
        and "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE" in said
    )
    assert "geheim" not in said


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_usual_addresses_of_postgresql(scheme: str) -> None:
    Path("minwang.toml").write_text(f'[data]\ndatabase = "{scheme}://u:p@h/d?host=/run/postgresql"\n')
    assert settings.load().database_url == "postgresql+psycopg://u:p@h/d?host=/run/postgresql"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("/disk1", ["/disk1"]),
        ("/disk1,/disk2", ["/disk1", "/disk2"]),
        ('["/disk1", "/disk 2"]', ["/disk1", "/disk 2"]),
        ("[/disk1", ["[/disk1"]),
    ],
)
def test_volumes_from_the_environment(
    value: str, wanted: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINWANG_DATA__VOLUMES", value)
    assert settings.load().volumes == [folder / w for w in wanted]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MINWANG_WEB__PORT", "many", "environment variable MINWANG_WEB__PORT: 'web.port': "),
        ("minwang_web__port", "many", "environment variable minwang_web__port: 'web.port': "),
        ("MINWANG_WEB__PROT", "1", "environment variable MINWANG_WEB__PROT: unknown key 'web.prot'"),
        ("MINWANG_WBE__PORT", "1", "environment variable MINWANG_WBE__PORT: no section 'wbe'"),
        (
            "MINWANG_STATION__TIMEZONE",
            "Asia/Shangai",
            "environment variable MINWANG_STATION__TIMEZONE: 'station.timezone': ",
        ),
        ("MINWANG_DATA", "/data", "environment variable MINWANG_DATA: 'data': "),
    ],
)
def test_an_error_in_the_environment_names_the_variable(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("minwang.toml").write_text("[web]\nport = 8081\n")  # valid, so not the cause
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "keys", "line"),
    [
        ("[web]\nport = 1\n", ("web", "port"), 2),
        ("# [web]\n[web] # x\n\n\"port\" = 1", ("web", "port"), 4),
        ("inventory = 'x'\nweb.port = 1\n", ("web", "port"), 2),
        ("inventory = 'x'\nweb = {port = 1}\n", ("web", "port"), 2),
        ("[data]\nvolumes = [\n  '/a',\n]\ndir = 'x'\n", ("data", "dir"), 5),
        ("[web]\nhost = 'x'\n[data]\nhost = 'y'\n", ("data", "host"), 4),
    ],
)  # fmt: skip
def test_the_line_of_a_key(text: str, keys: tuple[str, ...], line: int) -> None:
    assert line_of(text, keys) == line


def test_relative_paths_belong_to_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "etc").mkdir()
    file = folder / "etc" / "minwang.toml"
    file.write_text(
        'inventory = "town.yaml"\n[data]\nvolumes = ["v1", "/v2"]\n[web]\ncertificate = "c"\ncertificate_key = "k"\n'
    )
    made = settings.load(Path("etc/minwang.toml"))
    here = folder / "etc"
    assert (made.inventory, made.data.dir, made.volumes) == (
        here / "town.yaml",
        here / "data",
        [here / "v1", Path("/v2")],
    )
    assert made.certificate_files == (here / "c", here / "k")
    monkeypatch.setenv("MINWANG_DATA__DIR", "d")
    assert settings.load(file).data.dir == folder / "d"  # a path in a variable is relative to the working directory


def test_a_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINWANG_CONFIG", "none.toml")
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read"):
        settings.load()


def test_the_command_prints_values_with_their_origin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("minwang.toml").write_text(
        '[data]\ndatabase = "postgres://u:geheim@h/d?sslpassword=geheim"\n[web]\nport = 8081\n'
    )
    monkeypatch.setenv("MINWANG_WEB__HOST", "0.0.0.0")
    said = CliRunner().invoke(cli, ["settings"]).output
    assert said.startswith(f"# settings file: {folder / 'minwang.toml'}\n") and "geheim" not in said
    rows = {r["key"]: r for r in json.loads(CliRunner().invoke(cli, ["settings", "--json"]).output)["settings"]}
    assert rows["web.port"] == {"key": "web.port", "value": 8081, "origin": "minwang.toml:4"}
    assert rows["web.host"]["origin"] == "environment variable MINWANG_WEB__HOST"
    assert rows["station.name"]["origin"] == "default"
    shown = make_url(rows["data.database"]["value"])
    assert (shown.password, shown.query["sslpassword"], shown.host) == ("***", "***", "h")
    assert set(rows) == {".".join(k) for _, k in settings_source.settings_of_sections(settings.Settings())}


def test_a_demo_forgets_the_station_of_its_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("MINWANG_DATA__DIR", "/real"),
        ("minwang_web__port", "1"),
        ("MINWANG_CONFIG", "x"),
        ("MINWANG_INVENTORY", "y"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MINWANG_EXTRAS", "ultralytics")
    settings_source.remove_variables()
    assert settings.load().data.dir == folder / "data" and settings.load().web.port == 8080
    assert [n for n in os.environ if n.upper().startswith("MINWANG_")] == ["MINWANG_EXTRAS"]
