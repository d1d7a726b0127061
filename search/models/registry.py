"""The installed packs: `<data>/models/<id>@<version>/`. Packs are fetched only when a person requests them by name."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from core.error_codes import ErrorCode
from core.errors import DetectorError, NotFoundError, UsageError
from search.models.definition import DEFINITION_FILE, Pack, PackFile, checksum, file_problems, read_definition

KNOWN_PACKS = Path(__file__).parent / "known"
PULL_TIMEOUT_S = 600
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A pack definition and the folder of its files."""

    pack: Pack
    folder: Path

    def verify(self) -> None:
        """Check the files against the definition. Raises DetectorError."""
        if wrong := file_problems(self.pack, self.folder):
            raise DetectorError(wrong[0])


class ModelRegistry:
    """Installs, lists, selects and removes packs in a folder. Blocking, except `pull`."""

    def __init__(self, folder: Path):
        self.folder = folder

    def modified_ns(self) -> int:
        """Return a value that changes when a pack is added or removed."""
        return self.folder.stat().st_mtime_ns if self.folder.exists() else 0

    def installed(self) -> list[InstalledModel]:
        """Return the packs with their definitions, highest rank first. Does not check their files; see `verify`."""
        found = []
        for path in sorted(self.folder.glob(f"*/{DEFINITION_FILE}")):
            found.append(InstalledModel(_with_reliability(read_definition(path)), path.parent))
        return sorted(found, key=lambda i: -i.pack.rank)

    def choose(self, task: str, name: str = "auto") -> InstalledModel | None:
        """Return the pack for a task: by id or id@version, or the highest-ranked for 'auto'.

        Returns None for 'none' or if no pack is installed for the task. Raises DetectorError if a named pack is
        missing.
        """
        if name == "none":
            return None
        candidates = [i for i in self.installed() if i.pack.task == task and name in ("auto", i.pack.id, i.pack.name)]
        if not candidates and name != "auto":
            raise DetectorError(
                f"the model pack '{name}' is not installed; run: minwang models list",
                ErrorCode.MODEL_NOT_INSTALLED,
                name=name,
            )
        return candidates[0] if candidates else None

    def choose_verified(self, task: str, name: str = "auto") -> InstalledModel | None:
        """Return the pack as `choose`, after checking its files. Raises DetectorError."""
        found = self.choose(task, name)
        if found is not None:
            found.verify()
        return found

    def known(self) -> list[Pack]:
        """Return the packs whose definitions ship with the product."""
        return sorted((read_definition(p) for p in KNOWN_PACKS.glob("*.json")), key=lambda p: (p.task, -p.rank))

    def add(self, source: Path) -> list[Pack]:
        """Copy packs from a folder: those with a `pack.json`, and known packs recognised by the SHA-256 of their files.

        Raises UsageError if there is none, DetectorError if one is incomplete or wrong.
        """
        if not source.is_dir():
            raise UsageError(f"{source}: not a folder; give the folder of a pack")
        found = [
            self.install(read_definition(path), {f.name: path.parent / f.name for f in read_definition(path).files})
            for path in _definitions(source)
        ]
        if not found:
            sizes = {f.bytes for p in self.known() for f in p.files}
            here = {checksum(p): p for p in sorted(source.rglob("*")) if p.is_file() and p.stat().st_size in sizes}
            complete = [p for p in self.known() if all(f.sha256 in here for f in p.files)]
            found = [self.install(p, {f.name: here[f.sha256] for f in p.files}) for p in complete]
        if not found:
            raise UsageError(f"{source}: contains no {DEFINITION_FILE} and no file of a known pack")
        return found

    def install(self, pack: Pack, files: dict[str, Path]) -> Pack:
        """Copy a pack's files into the registry, check and install them. Raises DetectorError."""
        folder = self._temporary_folder(pack)
        try:
            for file in pack.files:
                if not files[file.name].is_file():
                    raise DetectorError(f"{files[file.name]}: missing; {DEFINITION_FILE} names it")
                shutil.copyfile(files[file.name], folder / file.name)
            self._verify_and_install(pack, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return pack

    async def pull(self, name: str) -> Pack:
        """Fetch a known pack from its stated sources. Raises NotFoundError, DetectorError."""
        pack = next((p for p in await asyncio.to_thread(self.known) if name in (p.id, p.name)), None)
        if pack is None:
            raise NotFoundError(f"pack '{name}' is not known; run: minwang models list")
        folder = await asyncio.to_thread(self._temporary_folder, pack)
        try:
            timeout = aiohttp.ClientTimeout(total=PULL_TIMEOUT_S, sock_connect=20, sock_read=60)
            async with aiohttp.ClientSession(timeout=timeout) as http:
                for file in pack.files:
                    await _fetch(http, file, folder / file.name)
            await asyncio.to_thread(self._verify_and_install, pack, folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)
        return pack

    def remove(self, name: str) -> None:
        """Remove a pack. Raises NotFoundError."""
        found = [i for i in self.installed() if name in (i.pack.id, i.pack.name)]
        if not found:
            raise NotFoundError(f"the model pack '{name}' is not installed")
        for one in found:
            shutil.rmtree(one.folder)

    def _temporary_folder(self, pack: Pack) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{pack.id}-", dir=self.folder))

    def _verify_and_install(self, pack: Pack, folder: Path) -> None:
        """Verify the files and replace the installed pack by a rename. Raises DetectorError."""
        if wrong := file_problems(pack, folder):
            raise DetectorError(f"{pack.name} was not installed: {Path(wrong[0]).name}")
        (folder / DEFINITION_FILE).write_text(pack.model_dump_json(indent=2) + "\n", encoding="utf-8")
        target = self.folder / pack.name
        if target.exists():
            shutil.rmtree(target)
        folder.chmod(0o755)
        folder.rename(target)


def _with_reliability(pack: Pack) -> Pack:
    """Return the pack with the shipped reliability of the same files, if its own definition states none.

    A pack that was installed by an earlier release has none.
    """
    shipped = KNOWN_PACKS / f"{pack.id}.json"
    if pack.reliability or pack.task != "attribute" or not shipped.is_file():
        return pack
    known = read_definition(shipped)
    same = {f.sha256 for f in known.files} == {f.sha256 for f in pack.files} and known.outputs == pack.outputs
    return pack.model_copy(update={"reliability": known.reliability}) if same else pack


def _definitions(source: Path) -> Iterator[Path]:
    yield from sorted(source.rglob(DEFINITION_FILE))


async def _fetch(http: aiohttp.ClientSession, file: PackFile, target: Path) -> None:
    if not file.source:
        raise DetectorError(
            f"{file.name} has no source address; put the file in a folder and run: minwang models add FOLDER"
        )
    digest, size = hashlib.sha256(), 0
    try:
        async with http.get(file.source) as reply:
            if reply.status != 200:
                raise DetectorError(
                    f"{file.source}: answered {reply.status}; "
                    "fetch it by other means and run: minwang models add FOLDER"
                )
            with await asyncio.to_thread(target.open, "wb") as f:
                async for chunk in reply.content.iter_chunked(CHUNK_BYTES):
                    size += len(chunk)
                    if size > file.bytes:
                        raise DetectorError(f"{file.source}: sends more than the {file.bytes} bytes that were expected")
                    digest.update(chunk)
                    await asyncio.to_thread(f.write, chunk)
    except (aiohttp.ClientError, TimeoutError) as e:
        raise DetectorError(
            f"{file.source}: cannot be fetched ({e}); fetch it by other means and run: minwang models add FOLDER"
        ) from e
    if digest.hexdigest() != file.sha256:
        raise DetectorError(f"{file.source}: its SHA-256 is not the one that the pack states; nothing was installed")
