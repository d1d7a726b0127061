/** The console's pages: where they are, who sees them, and how the rail shows them. */
import { Calendar, DataAnalysis, Document, FolderOpened, Key, Location, Lock, Monitor, Search, SetUp, Tickets, User, VideoCamera, VideoPlay, View, Warning } from "@element-plus/icons-vue";
import type { Component } from "vue";

import type { Permission } from "@/api/schema";
import type { MessageKey } from "@/shared/i18n";

export interface Page {
  name: string;
  path: string;
  permission: Permission;
  icon: Component;
  label: MessageKey;
  /** Whether the resource tree stands beside it. */
  tree?: boolean;
  view: () => Promise<unknown>;
}

export const PAGES: Page[] = [
  { name: "today", path: "/today", permission: "patrol.view", icon: Calendar, label: "nav.today", view: () => import("@/today/TodayView.vue") },
  { name: "wall", path: "/wall", permission: "live.view", icon: Monitor, label: "wall.title", tree: true, view: () => import("@/wall/WallView.vue") },
  { name: "playback", path: "/playback", permission: "playback.view", icon: VideoPlay, label: "nav.playback", tree: true, view: () => import("@/playback/PlaybackView.vue") },
  { name: "patrol", path: "/patrol", permission: "patrol.view", icon: View, label: "nav.patrol", view: () => import("@/patrol/PatrolView.vue") },
  { name: "orders", path: "/orders", permission: "patrol.view", icon: Tickets, label: "nav.orders", view: () => import("@/orders/OrdersView.vue") },
  { name: "search", path: "/search", permission: "search", icon: Search, label: "nav.search", view: () => import("@/views/SearchView.vue") },
  { name: "watch", path: "/watch", permission: "case.view", icon: Warning, label: "nav.watch", view: () => import("@/views/WatchView.vue") },
  { name: "holds", path: "/holds", permission: "case.view", icon: Lock, label: "nav.holds", view: () => import("@/views/HoldsView.vue") },
  { name: "cameras", path: "/cameras", permission: "camera.view", icon: VideoCamera, label: "nav.cameras", view: () => import("@/cameras/CamerasView.vue") },
  { name: "reports", path: "/reports", permission: "report.view", icon: DataAnalysis, label: "nav.reports", view: () => import("@/views/ReportsView.vue") },
  { name: "accounts", path: "/accounts", permission: "account.manage", icon: User, label: "nav.accounts", view: () => import("@/views/AccountsView.vue") },
  { name: "audit", path: "/audit", permission: "audit.view", icon: Document, label: "nav.audit", view: () => import("@/views/AuditView.vue") },
];

/** Icons for pages to come, so that the rail keeps one style. */
export const ICONS = { map: Location, cases: FolderOpened, admin: SetUp, password: Key };
