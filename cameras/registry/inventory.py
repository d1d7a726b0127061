"""`inventory.yaml`: the town's villages and cameras, written by people and kept in version control.

`load` returns a validated Inventory or raises InventoryError with one message (file, line, remedy) for each problem,
all at once. The file contains no passwords: a camera names a credential, whose password is sealed in the vault.
"""

from __future__ import annotations

import gc
import ipaddress
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from cameras.onvif.addresses import address_of
from cameras.registry.geometry import area_km2
from cameras.tables import LEGAL_RETENTION_DAYS
from core.errors import InventoryError

Loc = tuple[str | int, ...]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Point = tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]]

Share = Annotated[float, Field(ge=0, le=1)]
PictureArea = tuple[Share, Share, Share, Share]
Fraction = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]


def _subnet(text: str) -> str:
    ipaddress.ip_network(text)
    return text


_SPAN = r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Funding(Strict):
    source: str = Field(description="Who gave it: village committee, enterprise, town government")
    amount: float = Field(ge=0, description="Yuan")
    received: date | None = Field(None, description="Date received")
    purpose: str = ""


class VillageEntry(Strict):
    code: Identifier
    name: str = Field(min_length=1, max_length=60)
    boundary: list[Point] = Field(default_factory=list, description="Polygon, longitude and latitude (WGS 84)")
    area_km2: float | None = Field(None, gt=0, description="Official area; else computed from the boundary")
    population: int | None = Field(None, ge=0)
    subnets: list[Annotated[str, AfterValidator(_subnet)]] = Field(default_factory=list)
    funding: list[Funding] = Field(default_factory=list)
    quota_bytes: int | None = Field(
        None, gt=0, description="Maximum size of its recordings; the oldest are deleted first"
    )
    own_account: bool = Field(
        False, description="Its cameras get an account of the station's own before their first use"
    )

    @field_validator("boundary")
    @classmethod
    def _is_polygon(cls, points: list[Point]) -> list[Point]:
        if not points:
            return points
        if len(points) < 3:
            raise ValueError(f"a boundary needs at least 3 points, this one has {len(points)}")
        # imported here: with numpy it takes 25 MB, and recorders read inventories too
        from shapely.geometry import Polygon

        if not Polygon(points).is_valid:
            raise ValueError("the boundary crosses itself; list its corners in order, going round once")
        return points

    @property
    def area(self) -> float | None:
        """Area in square kilometres, stated or computed from the boundary; None if neither is known."""
        return self.area_km2 or (area_km2(self.boundary) if self.boundary else None)


class StreamEntry(Strict):
    url: str | None = Field(None, description="rtsp://host[:port]/path without credentials; else from ONVIF")
    engine: Literal["auto", "native", "ffmpeg"] | None = None
    record: bool = True
    schedule: str = Field("", description="Empty: always; hours like 07:00-19:00,22:00-02:00; or 'event'")
    audio: bool = Field(False, description="Record sound as well; only where the law allows it")

    @field_validator("schedule")
    @classmethod
    def _is_schedule(cls, text: str) -> str:
        if text not in ("", "event") and not re.fullmatch(rf"{_SPAN}(,{_SPAN})*", text):
            raise ValueError("a schedule is empty, 'event', or hours like 07:00-19:00,22:00-02:00")
        return text

    @field_validator("url")
    @classmethod
    def _plain_rtsp(cls, url: str | None) -> str | None:
        if url is None:
            return url
        if not re.match(r"rtsps?://[^\s]+$", url):
            raise ValueError("a stream address begins with rtsp:// or rtsps://")
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as e:
            raise ValueError(f"invalid address: {e}") from e
        if not host:
            raise ValueError("a stream address names its host: rtsp://host[:port]/path")
        if "@" in url.split("//", 1)[1].split("/", 1)[0]:
            raise ValueError("remove user and password from the address; name a credential instead")
        return url


class Streams(Strict):
    main: StreamEntry = StreamEntry()
    sub: StreamEntry | None = None


class EncoderPolicy(Strict):
    codec: Literal["H264", "H265"] | None = None
    width: int | None = Field(None, ge=160, le=8192)
    height: int | None = Field(None, ge=90, le=8192)
    fps: float | None = Field(None, ge=1, le=60)
    bitrate: int | None = Field(None, ge=64_000, le=50_000_000, description="Bits a second")
    gop_seconds: float | None = Field(None, ge=0.5, le=10, description="Seconds between two keyframes")


class PolicyEntry(Strict):
    """Required settings for the cameras of a class. Omitted settings are not changed."""

    name: Identifier
    enforce: bool = Field(True, description="False: differences are reported, nothing is written")
    ntp: str | None = Field(None, description="Address of the time server, the station's own")
    discoverable: bool | None = None
    shut: list[Literal["HTTP", "HTTPS", "RTSP", "TELNET", "FTP", "SSH", "UPNP"]] = Field(default_factory=list)
    name_in_picture: bool = False
    time_in_picture: bool = False
    main: EncoderPolicy | None = None
    sub: EncoderPolicy | None = None
    account_days: int | None = Field(
        None, ge=1, le=400, description="An account of our own, with a new password after so many days"
    )


class CameraEntry(Strict):
    id: Identifier
    name: str = Field(min_length=1, max_length=80)
    village: Identifier
    address: str | None = Field(
        None,
        max_length=120,
        description="Host or host:port of the ONVIF service; its URL where its path is not the usual one",
    )
    credential: Identifier | None = Field(None, description="Name of the credential in the vault")
    allow_clear_password: bool = Field(
        False,
        description="The password may be sent to its RTSP server in plain text (Basic, or in addresses) "
        "if the server supports nothing better",
    )
    own_account: bool | None = Field(
        None, description="It gets an account of the station's own before its first use; else as its village says"
    )
    position: Point | None = Field(None, description="Longitude and latitude (WGS 84)")
    height_m: float | None = Field(None, ge=0, le=200)
    azimuth: float | None = Field(None, ge=0, lt=360, description="Degrees clockwise from north")
    field_of_view: float | None = Field(None, gt=0, le=360, description="Degrees")
    range_m: float | None = Field(None, gt=0, le=5000)
    owner_kind: Literal["village", "government", "enterprise"] = "village"
    sponsor: str | None = None
    cost: float | None = Field(None, ge=0, description="Yuan, all in")
    installed: date | None = None
    purpose: str = ""
    site: str = Field("", max_length=120, description="Where it hangs, in words: pole 7 at the bridge")
    switch: str = Field(
        "",
        max_length=60,
        description="Network switch to which it is connected; cameras that fail together are one fault",
    )
    expected_make: str = Field("", max_length=60, description="Manufacturer or model that was ordered")
    legal_class: Literal["7.1", "7.2", "9", "non_public"] | None = Field(
        None, description="Class of Decree 799: main roads 7.1, operated places 7.2, other public places 9"
    )
    manager_unit: str = Field("", max_length=80, description="Unit that answers for it")
    responsible: str = Field("", max_length=40, description="Person who answers for it")
    maintainer: str = Field("", max_length=80, description="Maintenance contractor")
    contract: str = Field("", max_length=80, description="Number of the contract")
    contract_until: date | None = None
    warranty_until: date | None = None
    filing_no: str = Field("", max_length=80, description="Number of the filing with the county (article 14)")
    filing_date: date | None = None
    in_use_since: date | None = None
    policy: Identifier | None = Field(None, description="Name of the policy by which it is set")
    masks: list[Annotated[list[Fraction], Field(min_length=3, max_length=16)]] = Field(
        default_factory=list,
        description="Privacy masks in the camera: polygons in fractions of the picture, from its upper left corner",
    )
    marks: dict[Literal["time", "name"], PictureArea] = Field(
        default_factory=dict,
        description="Position of the burnt-in time and name: "
        "x, y, width, height as fractions of the picture, with a small margin",
    )
    retention_days: float | None = Field(
        None, ge=1, le=3650, description="Days that the main stream is kept; else the station's"
    )
    streams: Streams = Streams()

    @field_validator("address")
    @classmethod
    def _host(cls, address: str | None) -> str | None:
        if address is None:
            return None
        try:
            address_of(address)
        except ValueError as e:
            raise ValueError(f"'{address}' is not an address: write host, host:port or http://host:port/path") from e
        return address


class CredentialEntry(Strict):
    name: Identifier
    username: str = Field(min_length=1, max_length=60)


class Inventory(Strict):
    town: str = Field(min_length=1)
    credentials: list[CredentialEntry] = Field(default_factory=list)
    policies: list[PolicyEntry] = Field(default_factory=list)
    villages: list[VillageEntry] = Field(default_factory=list)
    cameras: list[CameraEntry] = Field(default_factory=list)


def load(path: Path) -> Inventory:
    """Read and check an inventory file. Raises InventoryError that lists every problem found."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as e:
        raise InventoryError([f"{path}: no such file; copy inventory.yaml of the project and edit it"]) from e
    except (OSError, UnicodeDecodeError) as e:
        raise InventoryError([f"{path}: cannot be read as UTF-8 text ({e}); save it as UTF-8"]) from e
    return parse(text, str(path))


def parse(text: str, name: str = "inventory.yaml") -> Inventory:
    """Like `load`, for a text; `name` is the file name in the messages."""
    with garbage_collection_paused():
        return _parse(text, name)


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Disable the garbage collector while an inventory is parsed.

    A town's file creates half a million objects that all stay alive; the collector would traverse them repeatedly (60 %
    of the parse time).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parse(text: str, name: str) -> Inventory:
    loader = yaml.CSafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise InventoryError([f"{name}:1: the file is empty; it needs town, villages and cameras"])
        values, twice = _Values(loader).of(root)
    except yaml.MarkedYAMLError as e:
        raise InventoryError([_yaml_sentence(e, name, text)]) from e
    finally:
        loader.dispose()
    if twice:
        raise InventoryError([f"{name}:{n}: duplicate key '{key}' in one entry; keep one" for n, key in twice])
    try:
        inventory = Inventory.model_validate(values)
    except ValidationError as e:
        raise InventoryError([f"{name}:{_line(root, err['loc'])}: {_error_sentence(err)}" for err in e.errors()]) from e
    problems = [f"{name}:{_line(root, loc)}: {sentence}" for loc, sentence in _cross_checks(inventory)]
    if problems:
        raise InventoryError(problems)
    return inventory


def dump(inventory: Inventory) -> str:
    """Return the inventory as YAML text; `parse` restores the same inventory from it."""
    values = inventory.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False, default_flow_style=None, width=100)


HEADER = """\
# The town's inventory: villages and cameras (docs/cameras.md). Passwords never stand here.
# After a change: minwang inventory check, minwang inventory plan, minwang inventory apply
"""


def header(path: Path | None) -> str:
    """Return the comment lines at the top of a file, or the default ones for a new file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path else []
    except (OSError, UnicodeDecodeError):
        lines = []
    kept = list(itertools.takewhile(lambda line: line.startswith("#") or not line.strip(), lines))
    comments = "\n".join(kept).strip("\n")
    return f"{comments}\n\n" if comments else f"{HEADER}\n"


def _cross_checks(inventory: Inventory) -> Iterator[tuple[Loc, str]]:
    yield from _repeated("villages", "code", [v.code for v in inventory.villages])
    yield from _repeated("credentials", "name", [c.name for c in inventory.credentials])
    yield from _repeated("policies", "name", [p.name for p in inventory.policies])
    yield from _repeated("cameras", "id", [c.id for c in inventory.cameras])
    policies = {p.name for p in inventory.policies}
    villages = {v.code for v in inventory.villages}
    credentials = {c.name for c in inventory.credentials}
    for i, camera in enumerate(inventory.cameras):
        if camera.village not in villages:
            yield (
                ("cameras", i, "village"),
                f"camera '{camera.id}': there is no village '{camera.village}'; "
                "add it under villages or correct the code",
            )
        if camera.credential and camera.credential not in credentials:
            yield (
                ("cameras", i, "credential"),
                f"camera '{camera.id}': there is no credential '{camera.credential}'; add it under credentials",
            )
        if camera.policy and camera.policy not in policies:
            yield (
                ("cameras", i, "policy"),
                f"camera '{camera.id}': there is no policy '{camera.policy}'; add it under policies",
            )
        if sentence := retention_error(camera.id, camera.retention_days, camera.legal_class):
            yield ("cameras", i, "retention_days"), sentence
        if camera.address is None and camera.streams.main.url is None and not camera.site:
            yield (
                ("cameras", i),
                f"camera '{camera.id}': set an address (for ONVIF), streams.main.url, or the site of an ordered camera",
            )


def retention_error(camera: str, days: float | None, legal_class: str | None) -> str:
    """Return an error message if footage would be deleted before the legal 30 days without a stated class, else ''."""
    if days is None or days >= LEGAL_RETENTION_DAYS or legal_class:
        return ""
    return (
        f"camera '{camera}': {days:g} days is less than the legal minimum of "
        f"{LEGAL_RETENTION_DAYS:g} days for public places; "
        f"set its legal_class (docs/cameras.md) or at least {LEGAL_RETENTION_DAYS:g} days"
    )


def _repeated(section: str, key: str, values: Sequence[str]) -> Iterator[tuple[Loc, str]]:
    first: dict[str, int] = {}
    for i, value in enumerate(values):
        if value in first:
            yield (
                (section, i, key),
                f"duplicate {key} '{value}': entry {first[value] + 1} of {section} has the same one; use unique values",
            )
        first.setdefault(value, i)


class _Values:
    """Converts YAML nodes to values and finds duplicate keys in one pass, because a town has half a million nodes."""

    def __init__(self, loader: yaml.CSafeLoader):
        self._loader = loader
        # values of nodes already converted: several aliases may refer to one anchor
        self._made: dict[yaml.Node, Any] = {}
        self._twice: list[tuple[int, str]] = []

    def of(self, root: yaml.Node) -> tuple[Any, list[tuple[int, str]]]:
        """Return (value, [(line, duplicate key)]). Raises yaml.MarkedYAMLError."""
        return self._value(root), self._twice

    def _value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return node.value if node.tag == "tag:yaml.org,2002:str" else self._loader.construct_object(node)
        if node in self._made:
            return self._made[node]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        found: list[Any] = []
        self._made[node] = found  # stored before it is filled: an alias may occur inside its own anchor
        found.extend(self._value(n) for n in node.value)
        return found

    def _mapping(self, node: yaml.MappingNode) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        self._made[node] = found
        own = [(k, v) for k, v in node.value if k.tag != "tag:yaml.org,2002:merge"]
        for key, value in own:
            if key.value in found:
                self._twice.append((key.start_mark.line + 1, key.value))
            found[key.value] = self._value(value)
        if len(own) < len(node.value):
            self._loader.flatten_mapping(node)  # merge key `<<`: the merged entries come first
            found.update((k.value, self._value(v)) for k, v in node.value)
        return found


def _line(root: yaml.Node, loc: Sequence[str | int]) -> int:
    """Return the 1-based line of the innermost existing node on the path."""
    node, line = root, root.start_mark.line
    for step in loc:
        child = _child(node, step)
        if child is None:
            break
        key, node = child
        line = key.start_mark.line
    return line + 1


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((k, v) for k, v in node.value if k.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _yaml_sentence(error: yaml.MarkedYAMLError, name: str, text: str) -> str:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    if line <= len(lines) and "\t" in lines[line - 1]:
        return f"{name}:{line}: there is a tab in this line; indent with spaces"
    return f"{name}:{line}: not valid YAML: {error.problem}; check indentation, colons and quotes here"


def _error_sentence(error: Any) -> str:
    where = ".".join(str(s + 1 if isinstance(s, int) else s) for s in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            return f"'{where}': unknown key; remove it or correct its name"
        case "missing":
            return f"'{where}' is missing; add it"
        case "value_error":
            return f"'{where}': {error['ctx']['error']}"
        case "string_pattern_mismatch":
            limits = "may contain only lower-case letters, digits and '-', at most 40 characters"
            return f"'{where}': '{error['input']}' {limits}"
    return f"'{where}': {error['msg']} (found: {str(error['input'])[:60]!r})"
