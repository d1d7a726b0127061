import { createPinia } from "pinia";
import { createApp } from "vue";

import App from "./App.vue";
import { watchActivity } from "./activity";
import { api, onPurposeNeeded, onShutOut } from "./api";
import { i18n } from "./i18n";
import { router } from "./router";
import { useSession } from "./session";
import "./style.css";

createApp(App).use(createPinia()).use(i18n).use(router).mount("#app");

onShutOut(({ reason }) => {
  const session = useSession();
  if (reason === "password") void router.replace("/password");
  else if (location.pathname !== "/login") {
    session.forget();
    void router.replace({ path: "/login", query: { next: location.pathname + location.search, ended: reason } });
  }
});
onPurposeNeeded(() => (useSession().askingPurpose = true));
watchActivity(() => useSession().me && void api.get("/api/me").catch(() => undefined));
