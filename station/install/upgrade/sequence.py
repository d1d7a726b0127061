"""The steps of an upgrade and the way back. `run_stages` runs them at the start and after a power cut alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import MinwangError, StorageError
from core.files import sync_folder
from station.install import release, steps
from station.install.archive import remove_tree
from station.install.layout import Layout
from station.install.upgrade import state as states
from station.install.upgrade.managers import Manager
from station.install.upgrade.program import InsideCommand, Program
from station.install.upgrade.state import PreviousRelease, UpgradeStage, UpgradeState

HEALTH_SECONDS = 180.0
POLL_INTERVAL_S = 1.0
# 1 in TOLERATED_LOSS_DIVISOR of the streams recorded before may stay away without counting as a failure of the upgrade:
# cameras fail independently of it.
TOLERATED_LOSS_DIVISOR = 20


@dataclass(frozen=True, slots=True)
class Upgrader:
    """One upgrade, or way back, of one station. `say` reports to a person; times are seconds since the epoch."""

    layout: Layout
    manager: Manager
    say: Callable[[str], None]
    health_seconds: float = HEALTH_SECONDS

    def begin(self, state: UpgradeState) -> None:
        """Run the upgrade. Raises StorageError if it fails and says whether the previous release runs again."""
        self._save(state)
        self.run_stages(state)

    def resume(self, state: UpgradeState) -> bool:
        """Continue after an interruption. Returns True: went forward, as the link was switched; False: went back."""
        self.say(f"an upgrade from {state.source} to {state.target} was interrupted (stage: {state.stage})")
        if state.stage is UpgradeStage.RETURNING:
            self._roll_back(state)
        if self.layout.current_release() == self._folder(state.target):
            self.run_stages(
                state
                if state.stage in (UpgradeStage.MIGRATED, UpgradeStage.STARTED)
                else state.at(UpgradeStage.SWITCHED)
            )
            return True
        if state.lowers and state.stage in (UpgradeStage.LOWERING, UpgradeStage.SWITCHED):
            self._roll_back(replace(state, reason="it was interrupted"))
        self._finish_unchanged(state)
        return False

    def run_stages(self, state: UpgradeState) -> None:
        try:
            state = self._until_switched(state)
            state = self._until_started(state)
            self._wait_until_healthy(state)
        except (MinwangError, OSError) as e:
            self._roll_back(replace(state, reason=str(e)))
        self._finish(state)

    def _until_switched(self, state: UpgradeState) -> UpgradeState:
        if state.stage is UpgradeStage.PREPARED:
            self.say("stopping the station")
            state = self._save(replace(state, stopped_at=time.time()))
            self.manager.stop()
            state = self._save(state.at(UpgradeStage.STOPPED))
        if state.stage is UpgradeStage.STOPPED:
            state = self._save(self._copied(state).at(UpgradeStage.COPIED))
        if state.stage is UpgradeStage.COPIED and state.lowers:
            state = self._save(state.at(UpgradeStage.LOWERING))
            self._lower(state)
        if state.stage in (UpgradeStage.COPIED, UpgradeStage.LOWERING):
            state = self._save(state.at(UpgradeStage.SWITCHED))
            self._switch(state.target)
        return state

    def _until_started(self, state: UpgradeState) -> UpgradeState:
        program = Program(self.layout, self._folder(state.target))
        if state.stage is UpgradeStage.SWITCHED:
            self._configure(state.target)
            if state.revision != state.target_revision:
                self.say(f"bringing the database to version {state.target_revision}")
                program.inside(InsideCommand.MIGRATE)
            state = self._save(state.at(UpgradeStage.MIGRATED))
        if state.stage is UpgradeStage.MIGRATED:
            if state.was_running:
                self.say("starting the station")
                self.manager.start()
            state = self._save(state.at(UpgradeStage.STARTED))
        return state

    def _copied(self, state: UpgradeState) -> UpgradeState:
        """Copy the database while nothing writes to it; only if its schema is going to change."""
        if state.revision == state.target_revision or not state.revision:
            return state
        name = f"{state.source}.database"
        target = self.layout.at(self.layout.database_copies) / name
        partial = target.with_name(f".{name}.part")
        self.say("copying the database")
        with partial.open("wb") as f:
            os.fchmod(f.fileno(), 0o600)
            Program(self.layout, self._folder(state.source)).inside(InsideCommand.DUMP, stdout=f)
            os.fsync(f.fileno())
        partial.rename(target)
        sync_folder(target.parent)
        return replace(state, copy=name)

    def _lower(self, state: UpgradeState) -> None:
        program = Program(self.layout, self._folder(state.source))
        if state.restore:
            self.say("bringing back the database from before")
            self._restore(program, state.restore)
        else:
            self.say(f"bringing the database back to version {state.target_revision}")
            program.inside(InsideCommand.LOWER, state.target_revision)

    def _restore(self, program: Program, name: str) -> None:
        with (self.layout.at(self.layout.database_copies) / name).open("rb") as f:
            program.inside(InsideCommand.RESTORE, stdin=f)

    def _switch(self, name: str) -> None:
        steps.symlink(self.layout.at(self.layout.current), self._folder(name))

    def _configure(self, name: str) -> None:
        """Write the units and the wrapper as this release defines them."""
        Program(self.layout, self._folder(name)).as_root("-m", "station.install", "refresh", *self._own_paths())

    def _own_paths(self) -> list[str]:
        return [
            "--root",
            str(self.layout.root),
            "--prefix",
            str(self.layout.prefix),
            "--settings",
            str(self.layout.settings),
            "--units",
            str(self.layout.units),
            "--wrapper",
            str(self.layout.wrapper),
            "--user",
            self.layout.user,
        ]

    def _wait_until_healthy(self, state: UpgradeState) -> None:
        """Wait until the console answers and the streams are recorded again.

        Raises StorageError after `health_seconds`.
        """
        if not state.was_running:
            return
        program = Program(self.layout, self._folder(state.target))
        since, needed = time.time(), state.streams - state.streams // TOLERATED_LOSS_DIVISOR
        end = time.monotonic() + self.health_seconds
        while True:
            found = program.facts(since)
            if found["console"] == "ok" and found["recording"] >= needed and self.manager.is_running():
                break
            if time.monotonic() > end:
                raise StorageError(
                    f"after {self.health_seconds:.0f} s the console answers '{found['console']}' and "
                    f"{found['recording']} of "
                    f"{state.streams} streams are recorded"
                )
            time.sleep(POLL_INTERVAL_S)
        self.say(f"the console answers, {found['recording']} streams are recorded; recording was interrupted for "
                 f"{time.time() - state.stopped_at:.0f} s")  # fmt: skip

    def _roll_back(self, state: UpgradeState) -> None:
        """Return to the previous release and database. Always raises StorageError, which says how that ended."""
        state = self._save(state.at(UpgradeStage.RETURNING))
        self.say(f"the upgrade failed: {state.reason}")
        self.say(f"going back to {state.source}")
        try:
            self.manager.stop()
            program = Program(self.layout, self._folder(state.source))
            if state.copy:
                self._restore(program, state.copy)
            self._switch(state.source)
            self._configure(state.source)
            if state.was_running:
                self.manager.start()
                self._wait_until_healthy(replace(state, target=state.source))
        except (MinwangError, OSError) as e:
            raise StorageError(
                f"the upgrade to {state.target} failed ({state.reason}), and the way back to {state.source} failed "
                f"as well: {e}; fix that, then run: minwang upgrade --resume"
            ) from e
        states.clear(self.layout.at(self.layout.state))
        database = "with the database from before" if state.copy else "the database was not changed"
        raise StorageError(
            f"the upgrade to {state.target} failed: {state.reason}; {state.source} is in use again, {database}"
        )

    def _finish_unchanged(self, state: UpgradeState) -> None:
        if state.was_running:
            self.manager.start()
        states.clear(self.layout.at(self.layout.state))
        self.say(f"nothing had been changed; {state.source} is in use")

    def _finish(self, state: UpgradeState) -> None:
        copies = self.layout.at(self.layout.database_copies)
        states.save(copies / "previous.json", PreviousRelease(state.source, state.copy, state.stopped_at))
        states.clear(self.layout.at(self.layout.state))
        for name in release.names(self.layout):
            if name not in (state.source, state.target):
                self.say(f"removing the release {name}")
                remove_tree(self.layout.at(self._folder(name)))
        for path in copies.glob("*.database"):
            if path.name != state.copy:
                path.unlink()
        self.say(f"{state.target} is in use; the way back: minwang upgrade --rollback")

    def _folder(self, name: str) -> Path:
        return self.layout.releases / name

    def _save(self, state: UpgradeState) -> UpgradeState:
        states.save(self.layout.at(self.layout.state), state)
        return state
