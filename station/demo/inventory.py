"""The inventory of the demo's station: every village of the map, and 40 cameras of which some stream.

The cameras that stream are virtual and have loopback addresses. The others are believable states of a town's cameras:
ordered and not mounted yet, or mounted and not found in the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cameras.registry import inventory
from cameras.registry.inventory_entries import CameraEntry, Funding, Inventory, StreamEntry, Streams, VillageEntry
from station.demo.accounts import CONTRACTOR
from station.demo.geography.camera_sites import CameraSite, camera_sites
from station.demo.geography.terrain import lon_lat
from station.demo.geography.town_map import TownMap, generate

TEMPLATE = Path(__file__).parents[2] / "inventory.yaml"  # the villages and cameras that the documents use
STREAMING = 8  # cameras that stream unless --cameras says otherwise
PORT = 8899
MAKES = ("海康威视", "大华", "宇视")
SPONSORS = ("镇政府", "村民集资", "村委会", "华源纸业", "东海模具", "镇政府")
RESPONSIBLE = ("周建国", "陈美芳", "林志明", "王国强", "方小燕", "金德胜", "叶海波")


@dataclass(frozen=True, slots=True)
class DemoTown:
    """The map, the places of its cameras, the inventory, and the inventory's cameras that stream."""

    map: TownMap
    sites: list[CameraSite]
    inventory: Inventory
    streaming: list[CameraEntry]


def plan_town(streaming: int) -> DemoTown:
    """Return the demo's town. Takes about a second; call it from a thread."""
    town = generate()
    sites = camera_sites(town)
    planned = demo_inventory(town, sites, streaming)
    return DemoTown(town, sites, planned, planned.cameras[:streaming])


def demo_inventory(town: TownMap, sites: list[CameraSite], streaming: int = STREAMING) -> Inventory:
    """Return the inventory in which the first `streaming` cameras have virtual cameras' addresses."""
    template = inventory.load(TEMPLATE)
    cameras = {c.id: c for c in template.cameras}
    numbers: dict[str, int] = {}
    entries = []
    for i, site in enumerate(sites):
        numbers[site.village] = number = numbers.get(site.village, 0) + 1
        old = cameras.get(site.id)
        base = old or _new_camera(town, site, number, i, is_planned=i >= streaming and i % 2 == 0)
        entries.append(_placed(base, site))
    known = {v.code: v for v in template.villages}
    villages = []
    for i, v in enumerate(town.villages):
        shape = v.boundary.simplify(4.0)
        outline = [lon_lat(x, y) for x, y in list(shape.exterior.coords)[:-1]]
        old_village = known.get(v.code)
        funding = old_village.funding if old_village else [_funding(i)]
        villages.append(
            VillageEntry(
                code=v.code, name=v.name, boundary=outline, population=v.population, subnets=[_subnet(i)],
                funding=funding,
            )
        )  # fmt: skip
    return Inventory(town=template.town, credentials=template.credentials, villages=villages, cameras=entries)


def _placed(camera: CameraEntry, site: CameraSite) -> CameraEntry:
    return camera.model_copy(
        update={
            "position": lon_lat(*site.place), "azimuth": site.azimuth, "height_m": site.height,
            "field_of_view": site.field_of_view, "range_m": site.reach,
        }
    )  # fmt: skip


def _new_camera(town: TownMap, site: CameraSite, number: int, i: int, *, is_planned: bool) -> CameraEntry:
    """Return the entry of a camera that the template lacks."""
    index = next(n for n, v in enumerate(town.villages) if v.code == site.village)
    facts = CameraEntry(
        id=site.id, name=site.name, village=site.village, purpose=site.purpose, sponsor=SPONSORS[i % len(SPONSORS)],
        site=f"{site.name} {number} 号杆", expected_make=MAKES[i % len(MAKES)], maintainer=CONTRACTOR,
        manager_unit=f"{site.name[:3]}委会", responsible=RESPONSIBLE[i % len(RESPONSIBLE)],
        legal_class="7.1" if site.kind != "square" else "9", streams=Streams(main=StreamEntry(), sub=StreamEntry()),
    )  # fmt: skip
    if is_planned:
        return facts
    installed = date(2016 + i % 7, 1 + i % 12, 1 + i % 27)
    return facts.model_copy(
        update={
            "address": f"{_network(index)}.{16 * (index % 16) + number}:{PORT}", "credential": "village",
            "cost": 2800.0 + 100 * (i % 9), "installed": installed,
        }
    )  # fmt: skip


def _network(index: int) -> str:
    return f"127.0.{1 + index // 16}"


def _subnet(index: int) -> str:
    return f"{_network(index)}.{16 * (index % 16)}/28"


def _funding(i: int) -> Funding:
    return Funding(
        source=SPONSORS[i % len(SPONSORS)],
        amount=60_000.0 + 10_000 * (i % 8),
        received=date(2015 + i % 4, 3 + i % 9, 12),
    )
