import { createRouter, createWebHistory, type RouteRecordRaw } from "vue-router";

import { TABS } from "@/admin/tabs";
import { showError } from "@/shared/messages";

import { PAGES } from "./pages";
import { useSession } from "./session";

declare module "vue-router" {
  interface RouteMeta {
    /** One of these suffices. */
    permissions?: readonly string[];
    /** The resource tree stands beside the page. */
    tree?: boolean;
  }
}

const pages: RouteRecordRaw[] = PAGES.map(({ name, path, permissions, tree, view }) => ({ path: path.slice(1), name, component: view as never, meta: { permissions, tree } }));

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/password", component: () => import("./PasswordView.vue") },
    { path: "/second-factor", component: () => import("@/account/EnrolPage.vue") },
    { path: "/login", component: () => import("./LoginView.vue") },
    // The phone's pages are a document of their own (src/phone).
    { path: "/m/:rest(.*)*", component: { render: () => null }, beforeEnter: ({ fullPath }) => (location.assign(fullPath), false) },
    {
      path: "/",
      component: () => import("./ShellView.vue"),
      children: [
        { path: "", component: () => import("./HomeView.vue") },
        { path: "review", component: () => import("@/patrol/ReviewView.vue"), meta: { permissions: ["patrol.run"] } },
        { path: "cameras/:camera", component: () => import("@/cameras/CameraPage.vue"), meta: { permissions: ["camera.view"] } },
        { path: "admin/:part", component: () => import("@/admin/AdminView.vue"), meta: { permissions: Object.values(TABS) } },
        { path: "account", component: () => import("@/account/AccountView.vue") },
        { path: "accounts", redirect: "/admin/users" },
        { path: "audit", redirect: "/admin/audit" },
        ...pages,
        { path: "live", redirect: (to) => ({ path: "/wall", query: to.query }) }, // addresses of earlier releases
        { path: ":rest(.*)", name: "unknown", component: () => import("./UnknownView.vue") },
      ],
    },
  ],
});

router.beforeEach(async (to) => {
  if (to.path === "/login") return true;
  const session = useSession();
  if (!(await session.load())) return { path: "/login", query: { next: to.fullPath } };
  if (session.me?.must_change && to.path !== "/password") return "/password";
  if (session.me?.must_enrol && !session.me.must_change && to.path !== "/second-factor") return to.path === "/password" ? true : "/second-factor";
  if (to.path === "/second-factor" && !session.me?.must_enrol) return "/account";
  if (to.meta.permissions && !to.meta.permissions.some(session.may)) return session.home();
  return true;
});

// A page's code that cannot be loaded: the station is away, or it was upgraded and the old files are gone.
router.onError((problem, to) => {
  if (/dynamically imported module|preload/i.test(String(problem)) && navigator.onLine && sessionStorage.getItem("reloaded-for") !== to.fullPath) {
    sessionStorage.setItem("reloaded-for", to.fullPath);
    location.assign(to.fullPath);
  } else showError(problem);
});
router.afterEach(() => sessionStorage.removeItem("reloaded-for"));
