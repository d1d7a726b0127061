/** Which camera a cell shows now: the one it was given, the next one of a tour, or that of the newest alert. */
import { useIntervalFn } from "@vueuse/core";
import { computed, ref, watch } from "vue";

import { useAlerts } from "@/shell/alerts";
import { useResources } from "@/shell/resources";

import type { CellContent } from "./cells";

export const TOUR_SECONDS = 10;

/** `held`: the tour stays where it is, because somebody looks closer. */
export function useTour(content: () => CellContent, held: () => boolean) {
  const resources = useResources();
  const alerts = useAlerts();
  const at = ref(0);

  /** Cameras of the tour. Those that are offline are passed over, unless all are. */
  const stops = computed<string[]>(() => {
    const shown = content();
    if (shown.show === "camera") return [shown.camera];
    if (shown.show === "alerts") return newest.value ? [newest.value.camera] : [];
    const all = shown.show === "village" ? (resources.villages.find((v) => v.code === shown.village)?.cameras.map((c) => c.id) ?? []) : shown.show === "tour" ? shown.cameras : [];
    const there = all.filter((c) => resources.cameras.get(c)?.state !== "offline");
    return there.length ? there : all;
  });

  // The last one stays when it was dealt with: what it shows is of interest until another comes.
  const newest = ref<{ camera: string; title: string; at: string } | null>(null);
  watch(
    () => (content().show === "alerts" ? alerts.waiting[0] : undefined),
    (alert) => alert && (newest.value = { camera: alert.camera, title: alert.title, at: alert.seen_at }),
    { immediate: true },
  );

  const touring = computed(() => stops.value.length > 1);
  const camera = computed(() => stops.value[at.value % Math.max(1, stops.value.length)] ?? "");

  function step(by: number): void {
    const n = stops.value.length;
    if (n > 1) at.value = (at.value + by + n) % n;
  }
  const timer = useIntervalFn(() => !held() && step(1), TOUR_SECONDS * 1000);
  watch(() => JSON.stringify(content()), () => (at.value = 0));

  /** By hand; the next one comes after the full time again. */
  function go(by: number): void {
    step(by);
    timer.pause();
    timer.resume();
  }

  return { camera, stops, touring, at, go, newest };
}
