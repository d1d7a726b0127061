import { createRouter, createWebHistory } from "vue-router";

import type { Permission } from "@/api/schema";
import { useSession } from "@/shell/session";

import { showProblem } from "./tell";

declare module "vue-router" {
  interface RouteMeta {
    /** The phone's permission for the page; without it anybody sees it. */
    needs?: Permission;
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/m/login", component: () => import("./LoginPage.vue") },
    { path: "/m/password", component: () => import("./PasswordPage.vue") },
    { path: "/m/", component: () => import("./AlertsPage.vue"), meta: { needs: "alert.answer" } },
    { path: "/m/alerts/:alert", component: () => import("./AlertsPage.vue"), meta: { needs: "alert.answer" } },
    { path: "/m/briefing", component: () => import("./BriefingPage.vue"), meta: { needs: "alert.answer" } },
    { path: "/m/report", component: () => import("./ReportPage.vue"), meta: { needs: "alert.answer" } },
    { path: "/m/duty", component: () => import("./DutyPage.vue") },
    { path: "/m/orders", component: () => import("./OrdersPage.vue"), meta: { needs: "order.own" } },
    { path: "/:rest(.*)*", redirect: "/m/" },
  ],
});

/** The phone page that an account begins with; null: it works in the console. */
function home(): string | null {
  const { may } = useSession();
  return may("alert.answer") ? "/m/" : may("order.own") ? "/m/orders" : null;
}

router.beforeEach(async (to) => {
  if (to.path === "/m/login") return true;
  const session = useSession();
  let known: boolean;
  try {
    known = await session.load();
  } catch {
    return true; // the station is away: the shell says so and goes on trying
  }
  if (!known) return { path: "/m/login", query: { next: to.fullPath } };
  if (session.me?.must_change && to.path !== "/m/password") return "/m/password";
  if (!to.meta.needs || session.may(to.meta.needs)) return true;
  const own = home();
  if (own) return own;
  location.assign(session.home());
  return false;
});

// A page's code that cannot be loaded: the station is away, or it was upgraded and the old files are gone.
router.onError((problem, to) => {
  if (navigator.onLine && sessionStorage.getItem("reloaded-for") !== to.fullPath) {
    sessionStorage.setItem("reloaded-for", to.fullPath);
    location.assign(to.fullPath);
  } else showProblem(problem);
});
router.afterEach(() => sessionStorage.removeItem("reloaded-for"));
