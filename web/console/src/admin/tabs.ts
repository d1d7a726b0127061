/** The parts of the administration, and who sees them. */
import type { Permission } from "@/api/schema";

export const TABS = {
  users: "account.manage",
  units: "unit.manage",
  credentials: "camera.manage",
  station: "station.view",
  settings: "station.view",
  audit: "audit.view",
} as const satisfies Record<string, Permission>;
export type Tab = keyof typeof TABS;

export const visibleTabs = (may: (permission: Permission) => boolean): Tab[] => (Object.keys(TABS) as Tab[]).filter((name) => may(TABS[name]));
