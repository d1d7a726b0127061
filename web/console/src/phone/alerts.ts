/** The alerts that were sent to the patrol officers, kept by events, and where they are. */
import { defineStore } from "pinia";
import { computed, onScopeDispose, ref, shallowRef } from "vue";

import { http, request } from "@/api/client";
import { ApiError } from "@/api/errors";
import type { AlertPlaceReply, AlertView } from "@/api/schema";
import { t } from "@/shared/i18n";
import { useEvents } from "@/shell/events";
import { useSession } from "@/shell/session";

import { notify, useAlarm } from "./alarm";
import { stationNow } from "./clock";
import { isOwnOpen, rings, type Standing, standingOf } from "./phases";
import { useSteps } from "./steps";

const LISTED = 50;

export interface Shown {
  alert: AlertView;
  standing: Standing;
  rings: boolean;
}

export const usePatrolAlerts = defineStore("phone-alerts", () => {
  const session = useSession();
  const steps = useSteps();
  const all = shallowRef<AlertView[]>([]);
  const places = shallowRef<ReadonlyMap<number, AlertPlaceReply>>(new Map());
  const loaded = ref(false);
  const unreachable = ref(false);
  const now = ref(stationNow());
  const hushed = ref(new Set<number>()); // he has seen it while he is busy with another

  const shown = computed((): Shown[] =>
    all.value.map((alert) => {
      const standing = standingOf(alert, steps.steps, session.me?.name ?? "", steps.declined);
      return { alert, standing, rings: rings(alert, standing.phase, now.value) };
    }),
  );
  /** Own open ones first, then those that ring, newest first. */
  const open = computed(() => [...shown.value.filter((s) => isOwnOpen(s.standing.phase)), ...shown.value.filter((s) => s.rings)]);
  const ringing = computed(() => shown.value.some((s) => s.rings && !hushed.value.has(s.alert.id)));

  steps.onTold((told) => (all.value = all.value.map((a) => (a.id === told.id ? told : a))));

  /** Read the list anew; throws nothing: the head says that there is no connection. */
  async function load(): Promise<void> {
    try {
      const before = new Set(all.value.map((a) => a.id));
      all.value = await request(() => http.GET("/api/alerts", { params: { query: { limit: LISTED } } }));
      const fresh = all.value.find((a) => loaded.value && a.state === "dispatched" && !before.has(a.id));
      if (fresh) void notify(t("phone.notice"), fresh.id);
      loaded.value = true;
      unreachable.value = false;
      void locate();
    } catch (problem) {
      unreachable.value = problem instanceof ApiError && problem.status === 0;
      if (!unreachable.value && !(problem instanceof ApiError && problem.status === 401)) throw problem;
    }
  }

  /** Learn where the open alerts are. */
  async function locate(): Promise<void> {
    for (const { alert, standing } of open.value) await place(alert.id, standing.phase === "answered");
  }

  async function place(alert: number, again: boolean): Promise<void> {
    if (places.value.has(alert) && !again) return;
    const found = await request(() => http.GET("/api/alerts/{alert}/cameras", { params: { path: { alert: String(alert) } } })).catch(() => null);
    if (found) places.value = new Map(places.value).set(alert, found);
  }

  const hush = (alert: number): void => void (hushed.value = new Set(hushed.value).add(alert));
  const tick = (): void => void (now.value = stationNow());

  return { all, shown, open, ringing, places, loaded, unreachable, now, load, place, hush, tick };
});

/** Keep the alerts current and ring while this lives: on every page of the phone. */
export function useAlertWatch(): void {
  const alerts = usePatrolAlerts();
  const steps = useSteps();
  const again = (): void => {
    void alerts.load();
    void steps.flush();
  };
  useEvents(["alert."], again, again);
  const seen = (): void => void (document.hidden || again());
  document.addEventListener("visibilitychange", seen);
  const timer = setInterval(alerts.tick, 1_000);
  onScopeDispose(() => {
    document.removeEventListener("visibilitychange", seen);
    clearInterval(timer);
  });
  useAlarm(() => alerts.ringing);
  again();
}
