"""Names of persons for the pages."""

from __future__ import annotations

from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from tests.web.calls import get
from tests.web.conftest import PASSWORD, SignIn


async def test_an_account_of_a_village_learns_no_names_of_others(sign_in: SignIn, database: Database) -> None:
    accounts = Accounts(database, SystemClock())
    for name, villages in (("zhang", None), ("wang", ["wangjia"]), ("you", ["youjia", "xidian"])):
        await accounts.create(
            name, PASSWORD, Role.VIDEO_OFFICER, display_name=f"{name} 警官", villages=villages, actor="test"
        )
    await accounts.change("wang", actor="test", reason="离职", disabled=True)

    async def names(villages: list[str] | None) -> dict[str, str]:
        told = await get(await sign_in(Role.VIDEO_OFFICER, villages), "/api/people")
        return {p["name"]: p["display_name"] for p in told if not p["name"].startswith("video_officer")}

    assert await names(None) == {"zhang": "zhang 警官", "wang": "wang 警官", "you": "you 警官"}
    assert await names(["wangjia"]) == {"zhang": "zhang 警官", "wang": "wang 警官"}
