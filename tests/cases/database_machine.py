"""A hypothesis state machine over a database of its own, with a clock that stands still unless it is moved."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from hypothesis.stateful import RuleBasedStateMachine
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import ManualClock
from core.database import Database
from tests.conftest import open_database


class DatabaseMachine(RuleBasedStateMachine):
    """`refused`: the errors with which the product refuses a step."""

    database: Database
    refused: tuple[type[Exception], ...]

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.stack, self.clock = asyncio.Runner(), AsyncExitStack(), ManualClock()
        self.folder = tempfile.TemporaryDirectory()
        self.runner.run(self._open(Path(self.folder.name)))

    async def _open(self, folder: Path) -> None:
        self.database = await self.stack.enter_async_context(open_database(folder))
        await self.prepare()

    async def prepare(self) -> None:
        """Write what the machine begins with, and set the model to it."""
        raise NotImplementedError

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    def is_taken(self, step: Callable[[AsyncSession], Awaitable[object]]) -> bool:
        """Take a step in a transaction of its own; return False if it was refused."""

        async def take() -> bool:
            try:
                async with self.database.session() as session:
                    await step(session)
            except self.refused:
                return False
            return True

        return self.runner.run(take())
