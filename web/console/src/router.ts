import { createRouter, createWebHistory } from "vue-router";

import { useSession } from "./session";

declare module "vue-router" {
  interface RouteMeta {
    permission?: string;
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/password", component: () => import("./views/PasswordView.vue") },
    { path: "/login", component: () => import("./views/LoginView.vue") },
    { path: "/m", component: () => import("./views/MobileView.vue"), meta: { permission: "alert.view" } },
    { path: "/contractor", component: () => import("./views/ContractorView.vue"), meta: { permission: "order.own" } },
    {
      path: "/",
      component: () => import("./views/ShellView.vue"),
      children: [
        { path: "", component: () => import("./views/HomeView.vue") },
        { path: "live", component: () => import("./views/LiveView.vue"), meta: { permission: "camera.view" } },
        { path: "playback", component: () => import("./views/PlaybackView.vue"), meta: { permission: "playback.view" } },
        { path: "patrol", component: () => import("./views/PatrolView.vue"), meta: { permission: "patrol.view" } },
        { path: "review", component: () => import("./views/ReviewView.vue"), meta: { permission: "patrol.run" } },
        { path: "orders", component: () => import("./views/OrdersView.vue"), meta: { permission: "patrol.view" } },
        { path: "search", component: () => import("./views/SearchView.vue"), meta: { permission: "search" } },
        { path: "watch", component: () => import("./views/WatchView.vue"), meta: { permission: "case.view" } },
        { path: "holds", component: () => import("./views/HoldsView.vue"), meta: { permission: "case.view" } },
        { path: "cameras", component: () => import("./views/CamerasView.vue"), meta: { permission: "camera.view" } },
        { path: "reports", component: () => import("./views/ReportsView.vue"), meta: { permission: "report.view" } },
        { path: "accounts", component: () => import("./views/AccountsView.vue"), meta: { permission: "account.manage" } },
        { path: "audit", component: () => import("./views/AuditView.vue"), meta: { permission: "audit.view" } },
      ],
    },
    { path: "/:rest(.*)", redirect: "/" },
  ],
});

router.beforeEach(async (to) => {
  if (to.path === "/login") return true;
  const session = useSession();
  if (!(await session.load())) return { path: "/login", query: { next: to.fullPath } };
  if (session.me?.must_change && to.path !== "/password") return "/password";
  if (to.meta.permission && !session.may(to.meta.permission)) return session.home();
  return true;
});
