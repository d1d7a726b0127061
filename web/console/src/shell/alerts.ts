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
  const received = ref(performance.now());
  const now = ref(performance.now()); // moves on when a snooze ends: the alert rings again by itself
  const first = new Map<number, number>(); // when this console showed an alert first (performance.now)
  let timer: ReturnType<typeof setTimeout> | undefined;
  const waiting = computed(() => all.value.filter((a) => a.state === "new"));
  const isSilent = (a: AlertView): boolean => received.value + a.snooze_seconds * 1000 > now.value;
  const popups = computed(() => waiting.value.filter((a) => !dismissed.value.has(a.id) && !isSilent(a)));

  /** Throws ApiError. */
  async function load(): Promise<void> {
    const found = await request(() => http.GET("/api/alerts", { params: { query: { limit: 50 } } }));
    received.value = now.value = performance.now();
    all.value = found;
    // A snoozed alert comes back although its pop-up was put aside.
    dismissed.value = new Set([...dismissed.value].filter((id) => !found.some((a) => a.id === id && a.snooze_seconds > 0)));
    wake();
  }

  /** Look again when the next snooze ends. */
  function wake(): void {
    clearTimeout(timer);
    const left = waiting.value.filter(isSilent).map((a) => received.value + a.snooze_seconds * 1000 - performance.now());
    if (!left.length) return;
    timer = setTimeout(() => {
      now.value = performance.now();
      wake();
    }, Math.max(0, Math.min(...left)) + 50);
  }

  /** Return when this console showed an alert first (performance.now). */
  function shownSince(alert: number): number {
    if (!first.has(alert)) first.set(alert, performance.now());
    return first.get(alert)!;
  }

  function toggleSound(): void {
    muted.value = !muted.value;
    localStorage.setItem(MUTED, muted.value ? "1" : "0");
  }

  function dismiss(alert: number): void {
    dismissed.value = new Set(dismissed.value).add(alert);
  }

  return { all, waiting, popups, muted, load, toggleSound, dismiss, shownSince };
});
