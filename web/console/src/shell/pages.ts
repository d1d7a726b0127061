/** The console's pages: where they are, who sees them, and how the rail shows them. */
import { Calendar, DataAnalysis, FolderOpened, Location, Lock, Monitor, Search, SetUp, Tickets, VideoCamera, VideoPlay, View, Warning } from "@element-plus/icons-vue";
import type { Component } from "vue";

import { TABS } from "@/admin/tabs";
import type { Permission } from "@/api/schema";
import type { MessageKey } from "@/shared/i18n";

export interface Page {
  name: string;
  path: string;
  /** One of these suffices. */
  permissions: readonly Permission[];
  icon: Component;
  label: MessageKey;
  /** Whether the resource tree stands beside it. */
  tree?: boolean;
  view: () => Promise<unknown>;
}

export const PAGES: Page[] = [
  { name: "today", path: "/today", permissions: ["patrol.view"], icon: Calendar, label: "nav.today", view: () => import("@/today/TodayView.vue") },
  { name: "wall", path: "/wall", permissions: ["live.view"], icon: Monitor, label: "wall.title", tree: true, view: () => import("@/wall/WallView.vue") },
  { name: "map", path: "/map", permissions: ["camera.view"], icon: Location, label: "map.title", tree: true, view: () => import("@/map/MapView.vue") },
  { name: "playback", path: "/playback", permissions: ["playback.view"], icon: VideoPlay, label: "nav.playback", tree: true, view: () => import("@/playback/PlaybackView.vue") },
  { name: "patrol", path: "/patrol", permissions: ["patrol.view"], icon: View, label: "nav.patrol", view: () => import("@/patrol/PatrolView.vue") },
  { name: "orders", path: "/orders", permissions: ["patrol.view"], icon: Tickets, label: "nav.orders", view: () => import("@/orders/OrdersView.vue") },
  { name: "search", path: "/search", permissions: ["search"], icon: Search, label: "nav.search", view: () => import("@/search/SearchView.vue") },
  { name: "watch", path: "/watch", permissions: ["case.view"], icon: Warning, label: "nav.watch", view: () => import("@/watch/WatchView.vue") },
  { name: "cases", path: "/cases", permissions: ["case.view"], icon: FolderOpened, label: "nav.cases", view: () => import("@/cases/CasesView.vue") },
  { name: "holds", path: "/holds", permissions: ["case.view"], icon: Lock, label: "nav.holds", view: () => import("@/cases/HoldsView.vue") },
  { name: "cameras", path: "/cameras", permissions: ["camera.view"], icon: VideoCamera, label: "nav.cameras", view: () => import("@/cameras/CamerasView.vue") },
  { name: "reports", path: "/reports", permissions: ["report.view"], icon: DataAnalysis, label: "nav.reports", view: () => import("@/reports/ReportsView.vue") },
  { name: "admin", path: "/admin", permissions: Object.values(TABS), icon: SetUp, label: "nav.admin", view: () => import("@/admin/AdminView.vue") },
];

/** The page that an address shows, or a part of which it shows; undefined: none. */
export function pageAt(path: string): Page | undefined {
  return PAGES.find((p) => path === p.path || path.startsWith(`${p.path}/`));
}
