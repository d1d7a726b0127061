"""The vectors of a day and a pack, in three append-only files read through the page cache.

`.ids`: the sighting's id (8 bytes); `.bits`: the signs of 256 values (32 bytes); `.i8`: the values as signed bytes (256
bytes). Each file begins with the pack's name, so that vectors of different packs are never mixed. A crash leaves at
most a torn last entry, which the next writer truncates. A sighting names its own entry; readers skip entries that were
replaced by a better one. All functions block.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.erase import erase_ranges
from core.errors import StorageError
from core.files import write_all
from core.intervals import subtract

DIMENSION = 256
QUANTISATION_SCALE = 127 * 4.0  # values of a unit vector of 256 are about 1/16; beyond 1/4 they are clipped
_HEAD = struct.Struct("<8sHH52s")
MAGIC = b"minwvec1"
ENTRY_BYTES = {"ids": 8, "bits": DIMENSION // 8, "i8": DIMENSION}
Bits = npt.NDArray[np.uint8]
Bytes = npt.NDArray[np.int8]
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


MAX_OPEN_SHARDS = 200


@dataclass(frozen=True, slots=True)
class VectorShard:
    """All vectors of one pack and day: ids [n] and bits [n, 32] memory-mapped, the values read on demand.

    Reading few places costs less memory than mapping them, because the kernel reads 64 kB around each.
    """

    pack: str
    ids: Numbers
    bits: Bits
    folder: Path
    number: int

    def vectors(self, places: Sequence[int] | Numbers) -> Floats:
        """Return the unit vectors [n, 256] at existing places."""
        content = _read_places(_path(self.folder, self.number, "i8"), places, DIMENSION)
        return dequantise(np.frombuffer(content, np.int8).reshape(len(places), DIMENSION))

    def ids_at(self, places: Sequence[int] | Numbers) -> Numbers:
        """Return the sighting ids at existing places."""
        return np.frombuffer(_read_places(_path(self.folder, self.number, "ids"), places, ENTRY_BYTES["ids"]), np.int64)


def _read_places(path: Path, places: Sequence[int] | Numbers, width: int) -> bytes:
    with path.open("rb") as f:
        descriptor = f.fileno()
        return b"".join([os.pread(descriptor, width, _HEAD.size + int(p) * width) for p in places])


_open_shards: OrderedDict[tuple[Path, int], tuple[tuple[tuple[int, int], ...], VectorShard | None]] = OrderedDict()
_lock = threading.Lock()


def append(folder: Path, number: int, pack: str, ids: Sequence[int], vectors: Floats) -> list[int]:
    """Append unit vectors [n, 256]; return their places. Safe for concurrent processes.

    Raises StorageError if the file belongs to another pack.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packed = {
        "ids": np.asarray(ids, np.int64).tobytes(),
        "bits": signs(vectors).tobytes(),
        "i8": quantise(vectors).tobytes(),
    }
    with ExitStack() as stack:
        files = {kind: stack.enter_context(_path(folder, number, kind).open("a+b")) for kind in ENTRY_BYTES}
        fcntl.flock(files["ids"], fcntl.LOCK_EX)
        for f in files.values():
            _check_head(f.fileno(), folder, pack)
        count = min((os.fstat(f.fileno()).st_size - _HEAD.size) // ENTRY_BYTES[kind] for kind, f in files.items())
        for kind in ("i8", "bits", "ids"):  # ids last: an entry counts only when all its parts are written
            f = files[kind]
            os.ftruncate(f.fileno(), _HEAD.size + count * ENTRY_BYTES[kind])
            f.write(packed[kind])
            f.flush()
    return list(range(count, count + len(ids)))


def _check_head(descriptor: int, folder: Path, pack: str) -> None:
    head = os.pread(descriptor, _HEAD.size, 0)
    if len(head) < _HEAD.size:
        os.ftruncate(descriptor, 0)
        write_all(descriptor, _HEAD.pack(MAGIC, 1, DIMENSION, pack.encode()[:52]))
    elif _pack_name(head) != pack:
        raise StorageError(
            f"{folder}: the file contains vectors of '{_pack_name(head)}' instead of '{pack}'; "
            "run: minwang index, which says what to index again"
        )


def _pack_name(head: bytes) -> str:
    magic, _, dimension, name = _HEAD.unpack(head)
    known = magic == MAGIC and dimension == DIMENSION
    return name.rstrip(b"\0").decode("utf-8", "replace") if known else "?"


def erase_places(folder: Path, number: int, places: Sequence[int]) -> None:
    """Overwrite the vectors and sighting ids at these places. Raises OSError."""
    for kind in ("i8", "bits", "ids"):
        path = _path(folder, number, kind)
        if path.exists():
            width = ENTRY_BYTES[kind]
            erase_ranges(path, [(_HEAD.size + p * width, _HEAD.size + (p + 1) * width) for p in places])


def shards(folder: Path) -> list[Path]:
    """Return the vector files of a day."""
    return sorted(p for kind in ENTRY_BYTES for p in folder.glob(f"vectors-*.{kind}"))


def erase_other_places(path: Path, size: int, keep: Collection[tuple[int, int]]) -> None:
    """Overwrite all places of a vector file except those kept. Raises OSError.

    `size`: only the first `size` bytes; `keep`: (pack number, place).
    """
    number, width = int(path.stem.removeprefix("vectors-")), ENTRY_BYTES[path.suffix[1:]]
    kept = [(_HEAD.size + p * width, _HEAD.size + (p + 1) * width) for pack, p in keep if pack == number]
    erase_ranges(path, subtract([(_HEAD.size, size)], kept))


def open_shard(folder: Path, number: int) -> VectorShard | None:
    """Return the day's vectors of a pack; None if it has none.

    Caches the maps: mapping gigabytes for every query costs more than the query.
    """
    try:
        state = tuple((s.st_ino, s.st_size) for s in (_path(folder, number, kind).stat() for kind in ENTRY_BYTES))
    except FileNotFoundError:
        with _lock:
            _open_shards.pop((folder, number), None)
        return None
    with _lock:
        cached = _open_shards.get((folder, number))
    if cached is not None and cached[0] == state:
        return cached[1]
    shard = _map_shard(folder, number)
    with _lock:
        _open_shards[folder, number] = state, shard
        while len(_open_shards) > MAX_OPEN_SHARDS:
            _open_shards.popitem(last=False)
    return shard


def _map_shard(folder: Path, number: int) -> VectorShard | None:
    try:
        maps = {kind: np.memmap(_path(folder, number, kind), np.uint8, "r") for kind in ENTRY_BYTES}
    except (FileNotFoundError, ValueError):  # an empty file cannot be mapped
        return None
    count = min((len(m) - _HEAD.size) // ENTRY_BYTES[kind] for kind, m in maps.items())
    if count <= 0:
        return None
    body = {kind: m[_HEAD.size : _HEAD.size + count * ENTRY_BYTES[kind]] for kind, m in maps.items()}
    return VectorShard(
        _pack_name(bytes(maps["ids"][: _HEAD.size])), np.frombuffer(body["ids"], np.int64),
        np.asarray(body["bits"]).reshape(count, ENTRY_BYTES["bits"]), folder, number,
    )  # fmt: skip


def _path(folder: Path, number: int, kind: str) -> Path:
    return folder / f"vectors-{number}.{kind}"


def signs(vectors: Floats) -> Bits:
    return np.packbits(vectors > 0, axis=-1)


def quantise(vectors: Floats) -> Bytes:
    return np.asarray(np.clip(np.rint(vectors * QUANTISATION_SCALE), -127, 127), np.int8)


def dequantise(values: Bytes) -> Floats:
    """Return unit vectors from quantised ones, approximately."""
    floats = values.astype(np.float32)
    return np.asarray(floats / np.maximum(np.linalg.norm(floats, axis=-1, keepdims=True), 1e-9), np.float32)
