/** What the time line shows of each camera, for the range in view; read again as it moves and as footage grows. */
import { onScopeDispose, type Ref, shallowReactive, watch } from "vue";

import { http, request } from "@/api/client";
import type { LanesReply } from "@/api/schema";
import type { StreamKind } from "@/api/schema";

import { lengthOf, type Range } from "./timeScale";

export interface LaneFacts {
  reply: LanesReply | null;
  problem: unknown;
}

const BUCKETS = 480; // over twice the range in view
const CALM_MS = 180; // after the last turn of the wheel
const GROWS_MS = 15_000;

export function useLanes(cameras: Ref<string[]>, kind: Ref<StreamKind>, range: Ref<Range>, allowed: Ref<boolean>) {
  const lanes = shallowReactive(new Map<string, LaneFacts>());
  let asked: Range = [0, 0];
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function load(camera: string, wanted: Range): Promise<void> {
    const query = { camera, from: new Date(wanted[0]).toISOString(), to: new Date(wanted[1]).toISOString(), buckets: BUCKETS, stream: kind.value };
    try {
      const reply = await request(() => http.GET("/api/playback/lanes", { params: { query } }));
      if (cameras.value.includes(camera)) lanes.set(camera, { reply, problem: null });
    } catch (problem) {
      lanes.set(camera, { reply: lanes.get(camera)?.reply ?? null, problem });
    }
  }

  function loadAll(): void {
    if (!allowed.value) return;
    const spare = lengthOf(range.value) / 2;
    asked = [range.value[0] - spare, Math.min(range.value[1] + spare, Date.now() + 1000)];
    if (asked[1] - asked[0] < 1000) return; // the whole range lies in the future
    for (const camera of cameras.value) void load(camera, asked);
  }

  function soon(): void {
    clearTimeout(timer);
    timer = setTimeout(loadAll, CALM_MS);
  }

  watch([cameras, kind, allowed], () => {
    for (const camera of [...lanes.keys()]) if (!cameras.value.includes(camera)) lanes.delete(camera);
    loadAll();
  }, { immediate: true });
  watch(range, (now) => {
    const zoom = (asked[1] - asked[0]) / (2 * lengthOf(now));
    if (now[0] < asked[0] || now[1] > Math.max(asked[1], Date.now()) || zoom > 1.6 || zoom < 0.6) soon();
  });
  // The newest footage is part of the range: files grow, nobody tells each of them.
  const grow = setInterval(() => range.value[1] > Date.now() - GROWS_MS && loadAll(), GROWS_MS);
  onScopeDispose(() => {
    clearTimeout(timer);
    clearInterval(grow);
  });

  return { lanes, reload: loadAll };
}
