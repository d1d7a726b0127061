"""Writing and verifying an evidence package, against cp and sha256sum of the same bytes in the same run.

    ./minwang bench evidence [--quick] [--gigabytes N] [--folder DIR]

Segments of 60 s at 2 Mb/s of nine cameras are made as the recorder writes them, as many as the size asks for. Then, in
turn and three times each, with files flushed to the disk and read from a cold cache where the bench may drop it: the
package is written; the same files are copied with `cp` and hashed with `sha256sum`; the package is verified by
`tools/verify.py`, and by `sha256sum -c`. Ratios are of the medians.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.common import ENVIRONMENT, ROOT, Figure, report
from cases.evidence import package
from cases.evidence.manifest import custody_of
from cases.evidence.package import PackagePlan, PlannedStream, Progress
from core.station_keys import SigningKey, fingerprint_of
from nvr.archive import segment_index
from nvr.archive.segment_index import Segment
from nvr.media.mp4 import gop_index
from nvr.media.mp4.gop_index import Gop

CAMERAS, SEGMENT_S, BITRATE = 9, 60, 2_000_000
BEGIN_US = 1_795_249_800_000_000
RUNS = 3
RUN_ONE = """
import pickle, resource, sys
from pathlib import Path
from cases.evidence import package
plan, target, key = pickle.load(sys.stdin.buffer)
from core.station_keys import SigningKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
private = Ed25519PrivateKey.from_private_bytes(key)
public = private.public_key().public_bytes_raw()
from core.station_keys import fingerprint_of
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
package.write(plan, Path(target), SigningKey(fingerprint_of(public), public, private), package.Progress())
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def made(path: Path, seed: int) -> list[Gop]:
    """Write a file of the size and structure of a segment: GOPs of 2 s with random bytes, and the index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    gops, offset, size = list[Gop](), 0, BITRATE // 8 * 2
    with path.open("wb") as f:
        f.write(b"\0\0\0\x18ftypisom" + bytes(800))
        offset = f.tell()
        for i in range(SEGMENT_S // 2):
            f.write(hashlib.shake_128(f"{seed} {i}".encode()).digest(size))
            gops.append(Gop(i * 2_000_000, 2_000_000, offset, size))
            offset += size
        f.write(gop_index.box(gops))
    return gops


def plan_of(folder: Path, total: int) -> PackagePlan:
    """Make the segments and the plan."""
    each = SEGMENT_S * BITRATE // 8
    count = max(1, total // (each * CAMERAS))
    streams = []
    for camera in range(CAMERAS):
        segments = []
        for n in range(count):
            start = BEGIN_US + n * SEGMENT_S * 1_000_000
            path = folder / f"c{camera}" / "main" / segment_index.name_of(start)
            made(path, camera * 100_000 + n)
            with path.open("rb") as f:
                digest = hashlib.file_digest(f, "sha256").digest()
            media = SEGMENT_S * 1_000_000
            segment = Segment(
                f"c{camera}/main", 1, start, start + media, media, path.stat().st_size, 1500, sha256=digest
            )
            segments.append((segment, path))
        streams.append(PlannedStream(f"c{camera}", f"c{camera}/main", "h264 1920x1080", segments))
    now = datetime.now(timezone.utc)
    return PackagePlan("E-1", "bench", now, {"number": "E-1", "case": "A-1"}, [], streams, [],
                       custody_of([(now, "a", "created", "")]))  # fmt: skip


def cold() -> bool:
    """Write everything to the disk and forget what was read; False if this needs rights that we do not have."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1")
    except OSError:
        return False
    return True


def timed(work: Callable[[], object]) -> float:
    cold()
    start = time.monotonic()
    work()
    return time.monotonic() - start


def run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, cwd=cwd, stdout=subprocess.DEVNULL, env=ENVIRONMENT)


def copied_and_hashed(files: Sequence[Path], folder: Path) -> None:
    """The peer: cp of the same files, flushed, then sha256sum of the copies."""
    names = "\n".join(map(str, files))
    subprocess.run(
        ["sh", "-c", 'mkdir "$1" && n=0; while read -r f; do n=$((n+1)); cp "$f" "$1/$n.mp4"; done; sync -f "$1"; '
         'sha256sum "$1"/* > /dev/null', "sh", str(folder)],
        input=names, text=True, check=True,
    )  # fmt: skip


def memory_of_sealing(plan: PackagePlan, target: Path) -> tuple[float, float]:
    """Return the peak memory (MB) of a process that only writes the package, and what it had before writing."""
    import pickle

    key = Ed25519PrivateKey.generate().private_bytes_raw()
    done = subprocess.run(
        [sys.executable, "-c", RUN_ONE], input=pickle.dumps((plan, str(target), key)), capture_output=True, check=True,
        env=ENVIRONMENT, cwd=ROOT,
    )  # fmt: skip
    before, peak = map(int, done.stdout.split())
    return peak / 1024, before / 1024


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--gigabytes", type=float)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the temporary folder")
    chosen = parser.parse_args(arguments)
    total = int((chosen.gigabytes or (1 if chosen.quick else 6)) * 1e9)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        return report("evidence", measured(Path(name), total))


def measured(folder: Path, total: int) -> list[Figure]:
    plan = plan_of(folder / "volume", total)
    files = [path for stream in plan.streams for _, path in stream.segments]
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key = SigningKey(fingerprint_of(public), public, private)
    seal_s, copy_s, verify_s, sums_s = list[float](), list[float](), list[float](), list[float]()
    for _ in range(RUNS):
        target, peer = folder / "E-1", folder / "peer"
        seal_s.append(timed(lambda t=target: package.write(plan, t, key, Progress())))  # type: ignore[misc]
        copy_s.append(timed(lambda p=peer: copied_and_hashed(files, p)))  # type: ignore[misc]
        shutil.rmtree(peer)
        verify_s.append(
            timed(lambda t=target: run(sys.executable, "-I", "-S", str(ROOT / "tools/verify.py"), str(t),
                                       "--key", key.fingerprint))  # type: ignore[misc]
        )  # fmt: skip
        sums_s.append(timed(lambda t=target: run("sha256sum", "--quiet", "-c", "SHA256SUMS", cwd=t)))  # type: ignore[misc]
        shutil.rmtree(target)
    peak, before = memory_of_sealing(plan, folder / "E-1")
    seal, copy, verify, sums = map(statistics.median, (seal_s, copy_s, verify_s, sums_s))
    return [
        Figure("sealed", round(plan.bytes / 1e9, 2), "GB"),
        Figure("rate of sealing", round(plan.bytes / 1e6 / seal), "MB/s"),
        Figure("sealing against cp, sync and sha256sum", round(seal / copy, 2), "×", "≤ 1.15", seal / copy <= 1.15),
        Figure("memory while sealing", round(peak), "MB", "≤ 150", peak <= 150),
        Figure("of it before the first byte", round(before), "MB"),
        Figure("verifier against sha256sum -c", round(verify / sums, 2), "×", "≤ 1.3", verify / sums <= 1.3),
        Figure("cold cache", "yes" if cold() else "no: not root", ""),
        Figure("CPU of this process and its children", round(_cpu(), 1), "s"),
    ]


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    sys.exit(main())
