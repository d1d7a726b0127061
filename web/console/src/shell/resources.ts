/** Villages and cameras with their present state: read once, then kept by events. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";

import { http, request } from "@/api/client";
import type { CameraState, TreeCamera, TreeVillage } from "@/api/schema";
import type { StationEvent } from "./events";

export type Resource = TreeCamera;
/** Kinds of events after which the tree itself is another; changed states arrive in `camera.state`. */
export const TREE_EVENTS = ["fault.", "camera.changed", "camera.identified", "camera.moved", "cameras.", "inventory."];
export const FROM_GOOD_TO_BAD: readonly CameraState[] = ["ok", "attention", "unknown", "fault", "offline"];

interface StateChange {
  states: Record<string, CameraState>;
  counts: Partial<Record<CameraState, number>>;
  recorded: number;
}

export const useResources = defineStore("resources", () => {
  const villages = shallowRef<TreeVillage[]>([]);
  const problem = ref<unknown>(null);
  const loaded = ref(false);
  const cameras = computed(() => new Map(villages.value.flatMap((v) => v.cameras).map((c) => [c.id, c])));
  const villageNames = computed(() => new Map(villages.value.map((v) => [v.code, v.name])));

  async function load(): Promise<void> {
    try {
      villages.value = (await request(() => http.GET("/api/tree"))).villages;
      problem.value = null;
      loaded.value = true;
    } catch (failed) {
      problem.value = failed;
    }
  }

  /** Take over the states that one event announces for a village; false: the tree must be loaded again. */
  function change(event: StationEvent): boolean {
    const { states, counts, recorded } = event.data as unknown as StateChange;
    const village = villages.value.find((v) => v.code === event.village);
    const known = new Set(village?.cameras.map((c) => c.id));
    const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
    if (!village || total !== village.cameras.length || Object.keys(states).some((id) => !known.has(id))) return false;
    const changed: TreeVillage = {
      ...village,
      counts: counts as TreeVillage["counts"],
      recorded,
      online: (counts.ok ?? 0) + (counts.attention ?? 0) + (counts.fault ?? 0),
      state: FROM_GOOD_TO_BAD.filter((s) => counts[s]).at(-1) ?? "unknown",
      cameras: village.cameras.map((c) => (states[c.id] ? { ...c, state: states[c.id]! } : c)),
    };
    villages.value = villages.value.map((v) => (v === village ? changed : v));
    return true;
  }

  /** Cameras chosen in the tree, for the page that is shown. */
  const picked = new Set<(camera: Resource, beside: boolean) => void>();
  const pick = (camera: Resource, beside = false): void => picked.forEach((listener) => listener(camera, beside));

  const nameOf = (camera: string): string => cameras.value.get(camera)?.name ?? camera;
  const villageOf = (camera: string): string => villageNames.value.get(cameras.value.get(camera)?.village ?? "") ?? "";

  return { villages, cameras, villageNames, problem, loaded, load, change, picked, pick, nameOf, villageOf };
});
