/** Alerts that wait for a decision: counted, shown and heard on whatever page one is. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";

import { http, request } from "@/api/client";
import type { AlertView } from "@/api/schema";

const MUTED = "alerts.muted";

export const useAlerts = defineStore("alerts", () => {
  const all = shallowRef<AlertView[]>([]);
  const muted = ref(localStorage.getItem(MUTED) === "1");
  const dismissed = ref(new Set<number>()); // pop-ups that were put aside; they still count
  const waiting = computed(() => all.value.filter((a) => a.state === "new"));
  const popups = computed(() => waiting.value.filter((a) => !dismissed.value.has(a.id)));

  /** Throws ApiError. */
  async function load(): Promise<void> {
    all.value = await request(() => http.GET("/api/alerts", { params: { query: { limit: 50 } } }));
  }

  function toggleSound(): void {
    muted.value = !muted.value;
    localStorage.setItem(MUTED, muted.value ? "1" : "0");
  }

  function dismiss(alert: number): void {
    dismissed.value = new Set(dismissed.value).add(alert);
  }

  return { all, waiting, popups, muted, load, toggleSound, dismiss };
});
