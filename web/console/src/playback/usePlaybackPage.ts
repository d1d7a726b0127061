/** State of the playback page: which cameras, which stretch of the time line, what is marked; kept in the address. */
import { computed, ref, watch } from "vue";

import { http, request } from "@/api/client";
import type { StreamKind } from "@/api/schema";
import { useQueryList, useQueryText, useQueryValue } from "@/shared/pageState";
import { dayBounds, dayOf, isValid } from "@/shared/time";
import { type Resource, useResources } from "@/shell/resources";

import { around, moved, type Range } from "./timeScale";
import { usePlayback } from "./usePlayback";

export const MOST = 9;
const START_LENGTH_MS = 2 * 3_600_000;
const RECENT_MS = 60_000;
const USUAL_FPS = 25;

export function usePlaybackPage() {
  const resources = useResources();
  const playback = usePlayback();
  const cameras = useQueryList("camera");
  const kind = useQueryValue<StreamKind>("stream", (text) => (text === "sub" ? "sub" : "main"), (value) => (value === "main" ? undefined : value));
  const moment = useQueryText("at");
  const focused = ref(cameras.value[0] ?? "");
  const rates = ref(new Map<string, number>()); // frames a second by stream
  const large = ref(false); // the focused camera alone
  const subOnly = ref(new Set<string>()); // cameras whose main stream this browser cannot play
  const selection = ref<[number | null, number | null]>([null, null]);
  const wanted = computed(() => {
    const at = new Date(moment.value);
    return moment.value && isValid(at) ? at.getTime() : null;
  });
  const range = ref<Range>(around(wanted.value ?? Date.now(), START_LENGTH_MS, Date.now()));
  const columns = computed(() => (large.value ? 1 : Math.ceil(Math.sqrt(Math.max(1, shown.value.length)))));
  const shown = computed(() => (large.value && focused.value ? [focused.value] : cameras.value.slice(0, MOST)));
  const unknown = computed(() => (resources.loaded ? cameras.value.filter((c) => !resources.cameras.has(c)) : []));
  const streamOf = (camera: string): string => `${camera}/${subOnly.value.has(camera) ? "sub" : kind.value}`;

  /** The day in view; choosing another shows the same time of day there. */
  const day = computed({
    get: () => dayOf((range.value[0] + range.value[1]) / 2),
    set: (chosen) => {
      playback.stop();
      range.value = moved(range.value, dayBounds(chosen)[0].getTime() - dayBounds(day.value)[0].getTime());
    },
  });

  /** Show a camera; beside the others with Ctrl or Shift, or once several are shown. */
  function choose(camera: Resource, beside: boolean): void {
    if (!cameras.value.includes(camera.id)) {
      const several = beside || cameras.value.length > 1;
      cameras.value = several ? [...cameras.value, camera.id].slice(-MOST) : [camera.id];
      selection.value = [null, null];
    }
    focused.value = camera.id;
  }

  function remove(camera: string): void {
    cameras.value = cameras.value.filter((c) => c !== camera);
    if (focused.value === camera) focused.value = cameras.value.find((c) => c !== camera) ?? "";
    if (focused.value === "") playback.stop();
    large.value = false;
  }

  function zoomTo(length: number): void {
    const now = Date.now();
    const shows = (moment: number): boolean => range.value[0] <= moment && moment <= range.value[1];
    range.value = around(playback.at.value ?? (shows(now) ? now : (range.value[0] + range.value[1]) / 2), length, now);
  }

  function wholeDay(): void {
    const [start, end] = dayBounds(day.value);
    range.value = [start.getTime(), end.getTime()];
  }

  function fpsOf(camera: string): number {
    return rates.value.get(`${camera}/${kind.value}`) || USUAL_FPS;
  }

  /** The tree has no figures of streams: they are in the camera's file. */
  async function learnRates(camera: string): Promise<void> {
    if (!camera) return;
    const file = await request(() => http.GET("/api/cameras/{camera}", { params: { path: { camera } } }));
    rates.value = new Map([...rates.value, ...file.streams.map((s) => [s.id, s.fps] as const)]);
  }

  watch(focused, (camera) => void learnRates(camera).catch(() => undefined), { immediate: true });

  function mark(edge: 0 | 1): void {
    const at = playback.at.value;
    if (at === null) return;
    const next: [number | null, number | null] = [...selection.value];
    next[edge] = at;
    const [from, to] = next;
    selection.value = from !== null && to !== null && from > to ? (edge === 0 ? [at, null] : [null, at]) : next;
  }

  const marked = computed<Range | null>(() => {
    const [from, to] = selection.value;
    return from !== null && to !== null && to > from ? [from, to] : null;
  });

  /** The marked stretch; without one, the range in view up to now. */
  const stretch = computed<Range>(() => marked.value ?? [range.value[0], Math.min(range.value[1], Date.now())]);

  /** Where playing begins if no moment was chosen: at the mark; of a range that reaches the present, with the last minute. */
  function beginning(): number {
    const [from, to] = stretch.value;
    return marked.value || to < Date.now() - RECENT_MS ? from : Math.max(from, to - RECENT_MS);
  }

  watch(cameras, (now) => {
    if (!now.includes(focused.value)) focused.value = now[0] ?? "";
  });

  return { resources, playback, cameras, kind, moment, wanted, focused, large, subOnly, selection, stretch, beginning, range, day, columns, shown, unknown, streamOf, choose, remove, zoomTo, wholeDay, fpsOf, mark };
}
