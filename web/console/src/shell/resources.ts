/** Villages and cameras with their present state: read once, then kept by events. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";

import { http, request } from "@/api/client";
import type { CameraView, VillageView } from "@/api/schema";

export type Resource = CameraView;
/** Kinds of events after which the state of cameras may be another. */
export const STATE_EVENTS = ["fault.", "camera.", "cameras.", "stream.", "inventory.", "volume."];

export const useResources = defineStore("resources", () => {
  const villages = shallowRef<VillageView[]>([]);
  const problem = ref<unknown>(null);
  const loaded = ref(false);
  const cameras = computed(() => new Map(villages.value.flatMap((v) => v.cameras).map((c) => [c.id, c])));
  const villageNames = computed(() => new Map(villages.value.map((v) => [v.code, v.name])));

  async function load(): Promise<void> {
    try {
      villages.value = await request(() => http.GET("/api/tree"));
      problem.value = null;
      loaded.value = true;
    } catch (failed) {
      problem.value = failed;
    }
  }

  /** Cameras chosen in the tree, for the page that is shown. */
  const picked = new Set<(camera: Resource, beside: boolean) => void>();
  const pick = (camera: Resource, beside = false): void => picked.forEach((listener) => listener(camera, beside));

  const nameOf = (camera: string): string => cameras.value.get(camera)?.name ?? camera;
  const villageOf = (camera: string): string => villageNames.value.get(cameras.value.get(camera)?.village ?? "") ?? "";

  return { villages, cameras, villageNames, problem, loaded, load, picked, pick, nameOf, villageOf };
});
