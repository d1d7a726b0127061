"""Settings: one `minwang.toml`. Every key is documented here; unknown keys are refused with name and line.

The file is read once at start. Environment variables `MINWANG_<SECTION>__<KEY>` override it (core.settings_source).
`minwang.toml.example` in docs/ is generated from these descriptions.
"""

from __future__ import annotations

import difflib
import os
import zoneinfo
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from core import settings_source
from core.errors import SettingsError
from core.settings_notify import NotifySettings
from core.settings_section import Section
from core.settings_source import Keys, SettingsFile

TLS_DIR = "tls"  # in the data folder
DATABASE_FILE = "minwang.db"  # in the data folder
# Scheme before :// as users write it → driver name that SQLAlchemy needs.
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
ADDRESS_REMEDY = (
    "not the address of a database that the station can use; write postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, "
    "or leave it empty for SQLite in data.dir"
)


class StationSettings(Section):
    name: str = Field("西店派出所", description="Name of the station, shown in the console and on reports.")
    timezone: str = Field("Asia/Shanghai", description="IANA zone in which days begin and times are shown.")

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as e:
            near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
            raise ValueError(
                f"'{name}' is not an IANA time zone; write it like {near[0] if near else 'Asia/Shanghai'}"
            ) from e
        return name


class DataSettings(Section):
    dir: Path = Field(Path("data"), description="Folder of the database, the key file and small files.")
    database: str = Field("", description="SQLAlchemy address; empty: SQLite in `dir`.")
    volumes: list[Path] = Field(default_factory=list, description="Folders for recordings; empty: `dir`/video.")

    @field_validator("database")
    @classmethod
    def _is_address(cls, address: str) -> str:
        """Replace the scheme by the station's driver. The error never repeats the address: it may hold a password."""
        scheme, delimiter, rest = address.partition("://")
        full = f"{DRIVERS.get(scheme, scheme)}{delimiter}{rest}"
        try:
            driver = make_url(full).drivername if address else ""
        except (ArgumentError, ValueError):
            driver = "none"
        if address and driver not in DRIVERS.values():
            raise ValueError(ADDRESS_REMEDY)
        return full


class TlsMode(StrEnum):
    OFF = "off"
    OWN = "own"
    PROXY = "proxy"


class WebSettings(Section):
    host: str = Field("127.0.0.1", description="Address on which the console listens.")
    port: int = Field(8080, ge=0, le=65535, description="Port of the console; 0 takes any free one.")
    tls: TlsMode = Field(
        TlsMode.OFF,
        description=(
            "off: plain HTTP; own: the console serves HTTPS itself; proxy: a proxy in front of it does (docs/https.md)."
        ),
    )
    certificate: Path | None = Field(
        None, description="PEM file of the certificate and its chain; empty: `dir`/tls/server.crt."
    )
    certificate_key: Path | None = Field(None, description="PEM file of its private key; empty: `dir`/tls/server.key.")
    redirect_port: int = Field(
        0, ge=0, le=65535, description="Plain HTTP port that leads to HTTPS (tls = own); 0: none."
    )
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description=(
            "Addresses and subnets of proxies whose X-Forwarded-… headers are trusted; empty: with tls = proxy "
            "this machine, else none."
        ),
    )
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for",
        description="Which header those proxies write: X-Forwarded-For (-Proto, -Host), or Forwarded (RFC 7239).",
    )
    idle_minutes: int = Field(
        30,
        ge=1,
        le=720,
        description=(
            "Minutes without input after which a session ends (not on patrol officers' phones); every session ends "
            "after 12 h."
        ),
    )

    @field_validator("tls", mode="before")
    @classmethod
    def _yes_or_no(cls, value: object) -> object:
        """Accept the boolean of earlier versions: true meant a proxy with TLS in front of the console."""
        return {"true": TlsMode.PROXY, "false": TlsMode.OFF}.get(str(value).lower(), value)

    @field_validator("certificate", "certificate_key", mode="before")
    @classmethod
    def _empty_is_default(cls, value: object) -> object:
        return value or None

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, values: list[str]) -> list[str]:
        for value in values:
            ip_network(value, strict=False)  # raises a ValueError that names the problem
        return values

    @model_validator(mode="after")
    def _both_or_none(self) -> WebSettings:
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together; set both or none")
        return self

    @property
    def proxies(self) -> list[IPv4Network | IPv6Network]:
        """The networks whose X-Forwarded-… or Forwarded headers are trusted."""
        machine = ["127.0.0.0/8", "::1"] if self.tls is TlsMode.PROXY else []
        return [ip_network(value, strict=False) for value in self.trusted_proxies or machine]


class SecondFactorPolicy(StrEnum):
    REQUIRED = "required"
    OFF = "off"


class AccountSettings(Section):
    second_factor: SecondFactorPolicy = Field(
        SecondFactorPolicy.REQUIRED,
        description=(
            "required: approvers, administrators, auditors and whoever changes contacts sign in with a one-time code; "
            "off: only those who set it up themselves."
        ),
    )


class RecorderSettings(Section):
    workers: int = Field(1, ge=1, le=64, description="Recorder processes; cameras are spread over them.")
    engine: Literal["auto", "native", "ffmpeg"] = Field("auto", description="Engine where a stream names none.")
    segment_seconds: float = Field(60.0, gt=1, description="Length of a segment file.")
    hashing: bool = Field(True, description="SHA-256 of every file while it is written; evidence needs it.")
    fragment_seconds: float = Field(0.4, gt=0.05, le=0.5, description="Longest fragment held in memory, in seconds.")
    sync_interval: float = Field(10.0, gt=0, description="Seconds between flushes to the disk.")
    stall_seconds: float = Field(5.0, gt=0.5, description="No complete picture for this long: reconnect.")
    connect_rate: float = Field(
        20.0, gt=0, description="Connection attempts a second, all cameras and processes together."
    )
    connects_per_subnet: int = Field(
        4, ge=1, description="Simultaneous attempts into one /24 (or /64), of all processes together."
    )
    backfill: bool = Field(True, description="Backfill gaps from the cameras' edge storage (ONVIF Profile G).")
    backfill_rate: int = Field(
        8_000_000, ge=100_000, description="Bits a second while a card is read; live video comes first."
    )


class RetentionSettings(Section):
    main_days: float = Field(31, gt=0, description="Days that main streams are kept.")
    sub_days: float = Field(3, gt=0, description="Days that sub-streams are kept.")
    min_free_bytes: int = Field(
        2_000_000_000, ge=0, description="Free bytes to keep on each disk; below this the oldest footage is deleted."
    )


class PictureSettings(Section):
    """Pictures of persons outside the recordings; a hold on the camera's footage of that time keeps them longer."""

    alert_days: float = Field(180, gt=0, description="Days that the pictures of alerts are kept.")
    candidate_days: float = Field(180, gt=0, description="Days that the pictures of search candidates are kept.")
    patrol_days: float = Field(
        31, gt=0, description="Days that patrol's pictures are kept; of a fault: after it is closed."
    )
    order_days: float = Field(
        365, gt=0, description="Days that photos of work orders are kept after the order is closed."
    )


class PatrolSettings(Section):
    interval_minutes: float = Field(60, gt=0, description="Minutes between two patrol rounds.")
    light_seconds: float = Field(10, gt=0, description="Seconds between two checks of the recorders' counters.")
    pace: float = Field(
        1.0, gt=0, le=1, description="Shrinks the times that confirm and close faults; below 1 for demonstrations only."
    )
    learning_looks: int = Field(
        24, ge=5, description="Good inspections that form a camera's baseline before its picture is judged."
    )
    keep_days: float = Field(5, gt=0, description="Days of inspections that form a camera's baseline.")
    at_once: int = Field(8, ge=1, le=64, description="Cameras inspected in parallel in a round.")
    workers: int = Field(2, ge=1, le=64, description="Processes that decode and judge pictures.")
    visits_at_once: int = Field(128, ge=1, le=1000, description="Unrecorded cameras probed in parallel in a round.")
    frozen_seconds: float = Field(10, gt=0, description="Identical keyframes over this span look frozen.")


class OrderSettings(Section):
    verification_minutes: float = Field(
        120,
        gt=0,
        le=10_080,
        description="Minutes for which a reported repair is watched before the order closes; short for demonstrations.",
    )


class MapSettings(Section):
    wmts_url: str = Field(
        "",
        max_length=400,
        pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+(/[^\s;,]*)?)?$",
        description="Address of a WMTS or tile service ({z}, {x}, {y}) for the map's background; empty: none.",
    )
    wmts_attribution: str = Field("", max_length=200, description="Words that the service wants shown on the map.")


class SearchSettings(Section):
    detector: str = Field(
        "auto", description="Id of a detection pack; auto: the best installed, else builtin (no model)."
    )
    embedder: str = Field("auto", description="Id of the pack for person re-identification; auto or none.")
    attributes: bool = Field(True, description="Ask the installed packs for attributes: bags, hats, kinds of vehicles.")
    plates: bool = Field(False, description="Read registration plates, where a pack for it is installed.")
    threshold: float | None = Field(
        None, ge=0, le=1, description="Lowest score that becomes a sighting; empty: the pack's own."
    )
    workers: int = Field(
        0, ge=0, le=64, description="Single-threaded processes that analyse keyframes; 0: half the cores."
    )
    batch: int = Field(12, ge=1, le=200, description="Keyframes of one stream analysed per batch.")
    days: float = Field(31, gt=0, description="Days that sightings, their pictures and vectors are kept.")
    unmatched_days: float = Field(
        14,
        ge=1,
        description="Days that pictures and vectors are kept of sightings that became no alert and no candidate.",
    )

    @property
    def processes(self) -> int:
        """Number of processes that analyse keyframes."""
        return self.workers or max(1, (os.cpu_count() or 2) // 2)


class ClipSettings(Section):
    max_hours: float = Field(4, gt=0, le=24, description="Longest range of a clip that is downloaded, per camera.")
    max_bytes: int = Field(20_000_000_000, gt=0, description="Most bytes of one download, all cameras together.")


class BackupSettings(Section):
    target: Path | None = Field(
        None, description="Folder of the nightly backups, on another disk; empty: none are made."
    )
    at: str = Field("02:30", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Local time at which one is made.")
    keep: int = Field(14, ge=1, description="Archives that are kept; the oldest go.")
    passphrase_file: Path | None = Field(None, description="File (mode 600) with the passphrase that seals the key.")
    without_key: bool = Field(False, description="Leave the key and all secrets out, where there is no passphrase.")
    with_sightings: bool = Field(False, description="Include what search found.")
    max_age_hours: float = Field(30, gt=0, description="A last good backup older than this is reported.")

    @field_validator("target", "passphrase_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="MINWANG_", env_nested_delimiter="__", extra="forbid")
    _source: SettingsFile = PrivateAttr(default_factory=SettingsFile)

    station: StationSettings = StationSettings()
    data: DataSettings = DataSettings()
    web: WebSettings = WebSettings()
    accounts: AccountSettings = AccountSettings()
    recorder: RecorderSettings = RecorderSettings()
    retention: RetentionSettings = RetentionSettings()
    pictures: PictureSettings = PictureSettings()
    patrol: PatrolSettings = PatrolSettings()
    orders: OrderSettings = OrderSettings()
    map: MapSettings = MapSettings()
    notify: NotifySettings = NotifySettings()
    search: SearchSettings = SearchSettings()
    clips: ClipSettings = ClipSettings()
    backup: BackupSettings = BackupSettings()
    inventory: Path | None = Field(
        None, description="The town's inventory file; empty: cameras come from lists and the console."
    )

    @field_validator("inventory", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return settings_source.Environment(settings_cls), init_settings

    @property
    def source(self) -> SettingsFile:
        """The file and line, or the variable, of each key."""
        return self._source

    def with_values(self, values: Mapping[str, object]) -> Settings:
        """Return a copy with other values; keys have the form "data.dir". Raises SettingsError for an invalid value."""
        copy = self.model_copy(deep=True)
        for key, value in values.items():
            name, field = key.split(".")
            section = getattr(copy, name)
            try:
                checked = type(section).model_validate({**section.model_dump(), field: value})
            except ValidationError as e:
                errors = e.errors()
                for err in errors:
                    err["loc"] = (name, *err["loc"])
                raise SettingsError("\n".join(_sentence(err, copy._source) for err in errors)) from e
            setattr(copy, name, checked)
        return copy

    @property
    def configured(self) -> bool:
        """Whether the station was set up: by a file, or by at least MINWANG_DATA__DIR in the environment."""
        return self._source.path is not None or settings_source.variable(("data", "dir")) is not None

    @property
    def database_url(self) -> str:
        return self.data.database or f"sqlite+aiosqlite:///{(self.data.dir / DATABASE_FILE).absolute()}"

    @property
    def certificate_files(self) -> tuple[Path, Path]:
        """Certificate and private key of the console when it serves HTTPS itself."""
        folder = self.data.dir / TLS_DIR
        return self.web.certificate or folder / "server.crt", self.web.certificate_key or folder / "server.key"

    @property
    def volumes(self) -> list[Path]:
        return self.data.volumes or [self.data.dir / "video"]


def load(path: Path | None = None) -> Settings:
    """Read settings from `path`, or the file that `settings_source.find` finds, or the defaults.

    Raises SettingsError with file and line, or the variable, and a remedy for each invalid or unknown key.
    """
    source = settings_source.read(settings_source.find(path))
    sections = {
        n: f
        for n, f in Settings.model_fields.items()
        if isinstance(f.annotation, type) and issubclass(f.annotation, Section)
    }
    settings_source.check_variables(list(sections))
    try:
        settings = Settings(**source.values)
    except ValidationError as e:
        raise SettingsError("\n".join(_sentence(err, source) for err in e.errors())) from e
    settings._source = source
    settings_source.make_paths_absolute(settings, source)
    return settings


def _sentence(error: ErrorDetails, source: SettingsFile) -> str:
    keys = tuple(str(k) for k in error["loc"])
    named, where = ".".join(keys), source.place(keys)
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key '{named}'; remove it or use one of: {', '.join(_known_keys(keys[:-1]))}"
    return f"{where}: '{named}': {settings_source.validation_message(error)}"


def _known_keys(section: Keys) -> list[str]:
    model: type[BaseModel] = Settings
    for name in section:
        inner = model.model_fields[name].annotation
        assert isinstance(inner, type) and issubclass(inner, BaseModel)  # an unknown key lies in a section
        model = inner
    return sorted(model.model_fields)


def example_file() -> str:
    """Return the example file: every section and key with its description and default."""
    lines = ["# Every key with its default. Unknown keys are refused.", ""]
    defaults = Settings()
    inventory = settings_source.toml(defaults.inventory)
    lines += [f"# {Settings.model_fields['inventory'].description}", f"# inventory = {inventory}", ""]
    for name in Settings.model_fields:
        section = getattr(defaults, name)
        if not isinstance(section, Section):
            continue
        lines.append(f"[{name}]")
        for key, info in type(section).model_fields.items():
            lines += [f"# {info.description}", f"# {key} = {settings_source.toml(getattr(section, key))}"]
        lines.append("")
    return "\n".join(lines)
