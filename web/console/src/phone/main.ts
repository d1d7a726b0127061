/** The phone's pages: the patrol officer's alerts and the contractor's orders. A document of its own, small enough for a phone. */
import "./phone.css";

import { createPinia } from "pinia";
import { createApp } from "vue";

import { http, request, setRemedies } from "@/api/client";
import { watchActivity } from "@/shared/activity";
import { i18n, setLanguage, setLoaders, storedLanguage } from "@/shared/i18n";
import { useSession } from "@/shell/session";

import { measureClock } from "./clock";
import PhoneApp from "./PhoneApp.vue";
import { router } from "./router";
import { showProblem } from "./tell";

setLoaders({ "zh-CN": () => import("./texts"), en: () => import("./texts.en") });
measureClock(http);

const app = createApp(PhoneApp);
app.config.errorHandler = (problem) => {
  console.error(problem);
  showProblem(problem);
};
window.addEventListener("unhandledrejection", ({ reason }) => showProblem(reason));
await setLanguage(storedLanguage());
app.use(createPinia()).use(i18n).use(router);

setRemedies({
  sessionOver: (refusal) => {
    const { path, fullPath } = router.currentRoute.value;
    if (refusal.code === "password") void router.replace("/m/password");
    else if (refusal.code === "second_factor") location.assign("/second-factor"); // the console's page
    else if (path !== "/m/login") {
      useSession().forget();
      void router.replace({ path: "/m/login", query: { next: fullPath, ended: refusal.code } });
    }
  },
  giveCode: () => Promise.resolve(false), // nothing on the phone needs a fresh code
  statePurpose: () => Promise.resolve(false), // an alert is its own ground; after it, pictures stay closed
});
watchActivity(() => useSession().me && void request(() => http.GET("/api/me")).catch(() => undefined));
app.mount("#app");

// Only over HTTPS, or on the station itself. Without it the pages work, but not before the station can be reached.
if (import.meta.env.PROD) void navigator.serviceWorker?.register("/m/sw.js", { scope: "/m/" }).catch((problem: unknown) => console.warn(problem));
