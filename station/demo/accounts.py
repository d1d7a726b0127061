"""The accounts of the demo's station."""

from __future__ import annotations

from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import Clock
from core.database import Database

PASSWORD = "minwang-demo"
CONTRACTOR = "天目维护"  # the contractor's account sees the orders of this company
ACCOUNTS = (
    ("video", "张视频", Role.VIDEO_OFFICER, None),
    ("investigator", "李侦查", Role.INVESTIGATOR, None),
    ("leader", "陈所长", Role.APPROVER, None),
    ("patrol", "王巡逻", Role.PATROL_OFFICER, None),
    ("wangjia", "王家村委", Role.FUNDER, ["wangjia"]),
    ("security", "安全管理", Role.SECURITY_ADMINISTRATOR, None),
    ("admin", "系统管理", Role.ADMINISTRATOR, None),
    ("auditor", "审计员", Role.AUDITOR, None),
    ("tianmu", "天目维护", Role.CONTRACTOR, None),
)


async def create_accounts(database: Database, clock: Clock) -> None:
    accounts = Accounts(database, clock)
    for name, display, role, villages in ACCOUNTS:
        company = CONTRACTOR if role is Role.CONTRACTOR else ""
        await accounts.create(
            name, PASSWORD, role, display_name=display, villages=villages, vendor=company, actor="demo"
        )
