from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.errors import DetectorError, NotFoundError, UsageError
from search.analysis.networks import Network
from search.models import ModelRegistry, Pack
from search.models import registry as registry_module
from search.models.definition import DEFINITION_FILE, Input, PackFile, checksum, read_definition
from search.models.registry import InstalledModel
from tests.conftest import MODELS, needs_models
from tests.search import handmade_networks


def make(folder: Path, **fields: Any) -> Path:
    handmade_networks.write_pack(folder, handmade_networks.red_quarters(), **fields)
    return folder


def test_pack_is_added_chosen_and_removed(tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path / "models")
    (low,) = registry.add(make(tmp_path / "a", id="low", rank=1))
    (high,) = registry.add(make(tmp_path / "b", id="high", rank=2))
    assert [i.pack.id for i in registry.installed()] == ["high", "low"]
    chosen = registry.choose_verified("detect")
    assert chosen is not None and chosen.pack == high
    named = registry.choose_verified("detect", "low@1")
    assert named is not None and named.pack == low
    assert registry.choose_verified("embed") is None and registry.choose_verified("detect", "none") is None
    registry.remove("high")
    assert [i.pack.id for i in registry.installed()] == ["low"]
    with pytest.raises(NotFoundError):
        registry.remove("high")
    assert not [p for p in registry.folder.iterdir() if p.name.startswith(".")]


def test_two_versions_of_a_pack_are_installed_side_by_side(tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path / "models")
    for version in ("1", "2"):
        registry.add(make(tmp_path / version, version=version))
    assert sorted(i.pack.name for i in registry.installed()) == ["red-quarters@1", "red-quarters@2"]


def test_wrong_checksum_is_refused_when_added_and_when_used(tmp_path: Path) -> None:
    registry, folder = ModelRegistry(tmp_path / "models"), make(tmp_path / "a")
    weights = folder / "model.bin"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DetectorError, match="SHA-256"):
        registry.add(folder)
    assert registry.installed() == []
    weights.write_bytes(content)
    registry.add(folder)
    installed = registry.folder / "red-quarters@1" / "model.bin"
    installed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DetectorError, match="SHA-256"):
        registry.choose_verified("detect")
    installed.unlink()
    with pytest.raises(DetectorError, match="missing"):
        registry.choose_verified("detect")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": {"1": "unicorn"}}, "unicorn"),
        ({"files": []}, "files"),
        ({"id": "../../etc"}, "id"),
        ({"surprise": 1}, "surprise"),
        ({"task": "faces"}, "task"),
        ({"outputs": {"a": ["male"]}}, "male"),
        ({"thresholds": {"type": 0.9}}, "'type' is not a known output"),
        ({"files": [{"name": "../x", "bytes": 1, "sha256": "0" * 64}]}, "name"),
    ],
)
def test_invalid_definitions_are_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = make(tmp_path / "a")
    values = json.loads((folder / DEFINITION_FILE).read_text()) | change
    (folder / DEFINITION_FILE).write_text(json.dumps(values))
    with pytest.raises(DetectorError, match=said):
        ModelRegistry(tmp_path / "models").add(folder)
    (folder / DEFINITION_FILE).write_text("{")
    with pytest.raises(DetectorError, match=DEFINITION_FILE):
        read_definition(folder / DEFINITION_FILE)


def test_file_that_is_not_a_network_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    (folder / "model.xml").write_text("<net/>")
    with pytest.raises(DetectorError, match="cannot load"):
        Network(InstalledModel(read_definition(folder / DEFINITION_FILE), folder))


def test_onnx_pack_runs(tmp_path: Path) -> None:
    """An embedder that returns channel means: the input follows the definition, RGB minus mean, divided by scale."""
    picture = onnx.helper.make_tensor_value_info("in", onnx.TensorProto.FLOAT, [1, 3, 8, 8])
    out = onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, [1, 3, 1, 1])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("GlobalAveragePool", ["in"], ["out"])], "means", [picture], [out]
    )
    opset = [onnx.helper.make_opsetid("", 13)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), str(tmp_path / "m.onnx"))
    file = PackFile(name="m.onnx", bytes=(tmp_path / "m.onnx").stat().st_size, sha256=checksum(tmp_path / "m.onnx"))
    pack = Pack(
        id="means", version="1", task="embed", format="onnx", licence="none", files=(file,), decoder="vector",
        input=Input(width=8, height=8, colour="rgb", mean=(10, 0, 0), scale=(2, 1, 1)),
    )  # fmt: skip
    picture_ = np.zeros((20, 30, 3), np.uint8)
    picture_[...] = (1, 2, 30)
    values = Network(InstalledModel(pack, tmp_path)).run(picture_)["out"].ravel()
    assert values.tolist() == [10.0, 2.0, 1.0]


def test_folder_without_packs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for path in (tmp_path / "a", tmp_path / "nowhere"):
        with pytest.raises(UsageError):
            ModelRegistry(tmp_path / "models").add(path)


def test_known_packs_are_complete() -> None:
    known = ModelRegistry(Path("nowhere")).known()
    assert {p.task for p in known} == {"detect", "embed", "attribute", "plate"}
    assert all(p.licence == "Apache-2.0" and all(f.source.startswith("https://") for f in p.files) for p in known)
    words = {w for p in known for meanings in p.outputs.values() for w in meanings if w}
    assert not words & {"male", "is_male", "female", "race"}


@needs_models
def test_known_files_are_recognised_by_their_checksums(tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path)
    added = registry.add(MODELS)
    assert len(added) == len(registry.known()) == 8
    assert all(Network(i) for i in registry.installed() if i.pack.task in ("embed", "attribute"))


async def test_pull_fetches_verifies_and_installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = await asyncio.to_thread(make, tmp_path / "a")
    served = await asyncio.to_thread(lambda: {p.name: p.read_bytes() for p in source.iterdir()})

    async def file(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.Response(body=served[name]) if name in served else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{name}", file)
    server = TestServer(app)
    await server.start_server()
    pack = await asyncio.to_thread(read_definition, source / DEFINITION_FILE)
    known = pack.model_copy(
        update={"files": tuple(f.model_copy(update={"source": str(server.make_url(f"/{f.name}"))}) for f in pack.files)}
    )
    await asyncio.to_thread((tmp_path / "known").mkdir)
    await asyncio.to_thread((tmp_path / "known" / "p.json").write_text, known.model_dump_json())
    monkeypatch.setattr(registry_module, "KNOWN_PACKS", tmp_path / "known")
    registry = ModelRegistry(tmp_path / "models")
    with pytest.raises(NotFoundError, match="models list"):
        await registry.pull("nothing")
    whole = served["model.bin"]
    for spoilt, said in ((whole[:-1] + bytes([whole[-1] ^ 1]), "SHA-256"), (whole + b"x", "more than"), (None, "404")):
        served.pop("model.bin", None)
        served |= {"model.bin": spoilt} if spoilt is not None else {}
        with pytest.raises(DetectorError, match=said):
            await registry.pull("red-quarters")
        assert await asyncio.to_thread(registry.installed) == []
    served["model.bin"] = whole
    assert (await registry.pull("red-quarters")).id == "red-quarters"
    assert await asyncio.to_thread(registry.choose_verified, "detect") is not None
    await server.close()
    with pytest.raises(DetectorError, match="cannot be fetched"):
        await registry.pull("red-quarters")
    assert len(await asyncio.to_thread(registry.installed)) == 1
