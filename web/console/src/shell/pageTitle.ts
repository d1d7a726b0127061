/** The title of the browser's tab: alerts that wait, the page, the product. */
import { watchEffect } from "vue";
import { useRoute } from "vue-router";

import { t } from "@/shared/i18n";

import { pageAt } from "./pages";

export function titleOf(path: string, waiting: number): string {
  const page = pageAt(path);
  const name = page ? `${t(page.label)} · ${t("app.name")}` : t("app.name");
  return waiting > 0 ? `(${waiting}) ${name}` : name;
}

/** Keep the title true while the page, the language and the alerts change. */
export function usePageTitle(waiting: () => number): void {
  const route = useRoute();
  watchEffect(() => (document.title = titleOf(route.path, waiting())));
}
