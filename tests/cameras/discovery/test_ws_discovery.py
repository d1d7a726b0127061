"""Discovery over several interfaces, announcements, size limits, and port scans of silent cameras."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from cameras.discovery import port_scan, ws_discovery
from cameras.discovery.ws_discovery import DiscoveredDevice
from cameras.tables import Camera
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import MAKES
from cameras.virtual.virtual_cameras import VirtualCameras, create_device
from tests.cameras.virtual_village import DISCOVERY_PORT as PORT
from tests.cameras.virtual_village import LOGIN, NET, PORTS, VirtualVillage
from tests.conftest import ROOT


@pytest.fixture
async def crowd(clip: LoopClip) -> AsyncIterator[VirtualCameras]:
    made = VirtualCameras([create_device(n, MAKES[0], clip, f"{NET}.{n}", LOGIN, PORTS) for n in (1, 2)])
    await made.start(PORT)
    yield made
    await made.stop()


async def test_hello_and_bye_are_heard(crowd: VirtualCameras) -> None:
    heard: list[tuple[str, DiscoveredDevice]] = []
    async with ws_discovery.announcements(["127.0.0.1"], lambda word, device: heard.append((word, device)), PORT):
        assert crowd.discovery is not None
        crowd.discovery.announce(crowd.members[0], "Hello")
        crowd.discovery.announce(crowd.members[1], "Bye")
        async with asyncio.timeout(5):
            while len(heard) < 2:
                await asyncio.sleep(0.02)
    assert [(w, d.endpoint) for w, d in heard] == [("Hello", crowd.members[0].uuid), ("Bye", crowd.members[1].uuid)]
    assert heard[0][1].address == f"{NET}.1:{PORTS[0]}"


async def test_a_camera_that_hides_is_not_met(crowd: VirtualCameras) -> None:
    crowd.members[1].discoverable = False
    found = await ws_discovery.sweep([f"{NET}.0/29"], 0.5, PORT)
    assert [d.address for d in found] == [f"{NET}.1:{PORTS[0]}"]


async def test_four_thousand_addresses_are_swept_in_seconds(crowd: VirtualCameras) -> None:
    began = asyncio.get_running_loop().time()
    found = await ws_discovery.sweep(["127.78.0.0/20"], 1.0, PORT)
    assert len(found) == 2 and asyncio.get_running_loop().time() - began < 10


async def test_open_ports_are_found_and_nothing_is_sent(crowd: VirtualCameras) -> None:
    calls = sum(s.calls for s in crowd.services.values())
    found = await port_scan.open_ports([f"{NET}.1", f"{NET}.7"], [PORTS[0], PORTS[1], 9], rate=1000)
    assert found == {f"{NET}.1": sorted(PORTS)}
    assert sum(s.calls for s in crowd.services.values()) == calls


async def test_a_silent_camera_is_found_on_another_port(
    village: VirtualVillage, clip: LoopClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that answers no discovery and is not at its listed port is found by the port scan."""
    monkeypatch.setattr(port_scan, "CAMERA_PORTS", (80, PORTS[0], PORTS[1]))
    monkeypatch.setattr(ws_discovery, "PORT", PORT)
    async with village.database.session() as session:
        (await session.get_one(Camera, "v-1")).address = f"{NET}.1:81"
        (await session.get_one(Camera, "v-2")).address = f"{NET}.7"
    crowd = await village.start([(1, 1, MAKES[0])], clip)
    crowd.members[0].discoverable = False
    report = await village.survey.run([], wait=0.2)
    assert report.silent == {"v-1": sorted(PORTS)}
    assert (await village.camera("v-1")).address == f"{NET}.1:{PORTS[0]}"
    assert "open ports: none" in ((await village.camera("v-2")).problem or "")
    assert "v-1" not in await village.identify()


HEAD = b'<Envelope xmlns:s="urn:s"><Body>'
TAIL = b"</Body></Envelope>"
ODD = ("http://[x/y", "http://[::1", "https://]", "http://a\u2100b/x", "http://10.9.9.9:port/x", "http:///", "ftp://x/")


def _matches(*told: str, endpoint: str = "", scopes: str = "") -> bytes:
    ends = f"<EndpointReference><Address>{endpoint}</Address></EndpointReference><Scopes>{scopes}</Scopes>"
    matches = "".join(f"<ProbeMatch><XAddrs>{t}</XAddrs>{ends}</ProbeMatch>" for t in told)
    return HEAD + f"<ProbeMatches>{matches}</ProbeMatches>".encode() + TAIL


def test_answers_to_a_look_are_bounded_and_our_cameras_come_in() -> None:
    """Anybody can answer with as many devices as fit a datagram, from any number of invented addresses."""
    collector = ws_discovery._Collector({"10.0.0.9:81"})
    for first in range(1000, 2200, 300):
        told = [f"http://10.0.0.9:{p}/x" for p in range(first, first + 300)]
        collector.datagram_received(_matches(*told), ("10.0.0.9", 3702))
    assert len(collector.devices) == ws_discovery.MAX_DEVICES_PER_HOST
    for n in range(ws_discovery.MAX_DEVICES + 100):
        host = f"10.{n >> 8}.{n & 255}.1"
        collector._add(DiscoveredDevice(host, f"{host}:80", f"http://{host}:80/x", "", ""), host)
    assert len(collector.devices) == ws_discovery.MAX_DEVICES
    for uuid in ("a", "b"):
        collector.datagram_received(_matches("http://10.0.0.9:81/x", endpoint=uuid), ("10.0.0.9", 3702))
    assert [d.endpoint for d in collector.devices if d.address == "10.0.0.9:81"] == ["a"]


def test_an_answer_proves_an_address_with_the_number_of_its_own_question() -> None:
    """A forger does not know the message ID of a unicast probe; a forged answer does not block the true one."""
    collector = ws_discovery._Collector({"10.0.0.9:80"})
    for host in ("10.0.0.8", "10.0.0.9"):
        collector.probe("", host)
    own, other = collector._message_ids["10.0.0.9"][0], collector._message_ids["10.0.0.8"][0]
    answer = _matches("http://10.0.0.9/x", endpoint="forged")
    for number in (b"", other):
        collector.datagram_received(answer + b"<!-- uuid:" + number + b" -->", ("10.0.0.9", 3702))
    assert [d.is_proven for d in collector.devices] == [False]
    true = _matches("http://10.0.0.9/x", endpoint="true")
    collector.datagram_received(true + b"<!-- UUID:" + own.upper() + b" -->", ("10.0.0.9", 3702))
    collector.datagram_received(answer, ("10.0.0.9", 3702))
    assert [(d.endpoint, d.is_proven) for d in collector.devices] == [("true", True)]
    for port in range(1, 200):  # a forger uses up the limit of a host
        collector.datagram_received(_matches(f"http://10.0.0.8:{port}/x"), ("10.0.0.8", 3702))
    collector.datagram_received(_matches("http://10.0.0.8:8080/x") + b"<!-- " + other + b" -->", ("10.0.0.8", 3702))
    assert "10.0.0.8:8080" in [d.address for d in collector.devices if d.is_proven]


@pytest.mark.parametrize("told", ODD)
def test_no_told_address_ends_the_reading(told: str) -> None:
    heard: list[DiscoveredDevice] = []
    hello = HEAD + f"<Hello><XAddrs>{told}</XAddrs></Hello>".encode() + TAIL
    ws_discovery._Announcements(lambda _, device: heard.append(device)).datagram_received(hello, ("10.0.0.5", 3702))
    assert [d.address for d in heard] == ["10.0.0.5"]
    found = ws_discovery.read_answer(_matches(f"{told} http://10.0.0.5:81/x"), "10.0.0.5")
    assert [d.address for d in found] == ["10.0.0.5:81"]


def test_what_a_device_tells_of_itself_is_bounded_and_printable() -> None:
    scope = f"onvif://www.onvif.org/name/%00a%0A%E2%80%AE{'n' * 300}"
    for endpoint in ("u" * 300, "urn:uuid:" + "u" * 81, "a\tb"):
        [device] = ws_discovery.read_answer(
            _matches("http://10.0.0.5:81/" + "p" * 500, endpoint=endpoint, scopes=scope), "10.0.0.5"
        )
        assert device.endpoint == device.address == "10.0.0.5:81"
        assert device.name == "a" + "n" * 79 and device.url == "http://10.0.0.5:81/onvif/device_service"


@pytest.fixture(scope="module")
def two_nets() -> Iterator[str]:
    """Create network namespaces for the cameras and the station, connected by two links.

    Yields the name of the station's namespace.
    """
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 to make network namespaces")
    names = f"mw-c{os.getpid()}", f"mw-s{os.getpid()}"
    commands = [f"ip netns add {n}" for n in names]
    for i in (0, 1):
        commands += [
            f"ip link add mwc{i} netns {names[0]} type veth peer name mws{i} netns {names[1]}",
            f"ip -n {names[0]} addr add 10.77.{i}.2/24 dev mwc{i}",
            f"ip -n {names[1]} addr add 10.77.{i}.1/24 dev mws{i}",
            f"ip -n {names[0]} link set mwc{i} up",
            f"ip -n {names[1]} link set mws{i} up",
        ]
    try:
        for command in commands:
            done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.skip(f"network namespaces cannot be made here: {done.stderr.strip()}")
        for _ in range(250):  # until the kernel reports both links up
            up = [
                subprocess.run(["ip", "-n", n, "-br", "link"], capture_output=True, text=True, check=False).stdout
                for n in names
            ]
            if sum(o.count(" UP ") for o in up) == 4:
                break
            time.sleep(0.02)
        yield names[1]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


CAMERAS = """
    import asyncio, struct, socket
    from cameras.virtual.discovery_answer import DiscoveryAnswer
    from cameras.virtual.device import Device
    async def main():
        devices = [Device(f"net{i}", f"0e000{i}", f"10.77.{i}.2", 80, 554, {}, {}) for i in (0, 1)]
        for d in devices:  # a group socket on each link
            answer = await DiscoveryAnswer.start([d], d.host, 3702)
            answer._group.get_extra_info("socket")
        print("ready", flush=True)
        await asyncio.sleep(60)
    asyncio.run(main())
"""
STATION = """
    import asyncio, json
    from cameras.discovery import ws_discovery
    found = asyncio.run(ws_discovery.multicast(ws_discovery.interfaces(), 2.0))
    print(json.dumps(sorted({d.address for d in found})))
"""


def test_multicast_goes_out_on_every_interface(two_nets: str) -> None:
    def run(namespace: str, code: str) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", namespace, sys.executable, "-c", textwrap.dedent(code)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    cameras = run(two_nets.replace("mw-s", "mw-c"), CAMERAS)
    try:
        assert cameras.stdout is not None and cameras.stdout.readline().strip() == "ready"
        station = run(two_nets, STATION)
        out, _ = station.communicate(timeout=30)
        assert out.strip() == '["10.77.0.2:80", "10.77.1.2:80"]'
    finally:
        cameras.terminate()
        cameras.wait()
        if cameras.stdout is not None:
            cameras.stdout.close()
