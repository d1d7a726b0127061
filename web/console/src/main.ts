import "@/i18n/console";
import "@/shared/styles/base.css";

import { VueQueryPlugin } from "@tanstack/vue-query";
import { createPinia } from "pinia";
import { createApp } from "vue";

import App from "./App.vue";
import { http, request, setRemedies } from "./api/client";
import { queries } from "./api/requests";
import { watchActivity } from "./shared/activity";
import { i18n, setLanguage, storedLanguage } from "./shared/i18n";
import { handleKey } from "./shared/keys";
import { showError } from "./shared/messages";
import { router } from "./shell/router";
import { useSession } from "./shell/session";
import { setTheme, theme } from "./shell/theme";

setTheme(theme.value);
await setLanguage(storedLanguage());

const app = createApp(App);
app.config.errorHandler = (problem) => {
  console.error(problem);
  showError(problem);
};
window.addEventListener("unhandledrejection", ({ reason }) => {
  if (reason instanceof DOMException && reason.name === "AbortError") return;
  showError(reason);
});
app.use(createPinia()).use(i18n).use(VueQueryPlugin, { queryClient: queries }).use(router);

function sessionOver(refusal: { code: string }): void {
  if (refusal.code === "password") void router.replace("/password");
  else if (refusal.code === "second_factor") void useSession().reload().then(() => router.replace("/second-factor"));
  else if (location.pathname !== "/login") {
    useSession().forget();
    void router.replace({ path: "/login", query: { next: location.pathname + location.search, ended: refusal.code } });
  }
}
setRemedies({ sessionOver, statePurpose: () => useSession().askPurpose(), giveCode: () => useSession().askCode() });

window.addEventListener("keydown", handleKey);
watchActivity(() => useSession().me && void request(() => http.GET("/api/me")).catch(() => undefined));
app.mount("#app");
