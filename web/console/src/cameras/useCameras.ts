/** Requests that several parts of the cameras' page share. */
import { computed, ref } from "vue";

import { http, request } from "@/api/client";
import { refresh, useAction, useFetch } from "@/api/requests";
import type { CameraRow, WorkView } from "@/api/schema";
import { useEvents } from "@/shell/events";
import { useResources } from "@/shell/resources";

/** Events after which a camera's row or file may be another. */
export const CAMERA_EVENTS = ["camera.", "cameras.", "finding.", "fault.", "inventory."];

/** Devices that answered and are not registered, and the survey or identification that runs. */
export function useOnboarding() {
  const fetched = useFetch(["onboarding"], () => request(() => http.GET("/api/onboarding")));
  const heard = ref<WorkView | null>(null);
  useEvents(
    ["onboarding.progress"],
    ({ data }) => {
      heard.value = { kind: data.work, done: data.done, total: data.total, failed: data.failed, running: data.running } as WorkView;
      if (!data.running) for (const key of ["onboarding", "cameras", "findings"]) refresh(key);
    },
    () => (heard.value = null),
  );
  const work = computed(() => heard.value ?? fetched.data.value?.work ?? null);
  const devices = computed(() => fetched.data.value?.devices ?? []);
  const started = { refreshes: [["onboarding"]], done: (now: WorkView) => (heard.value = now) };
  const survey = useAction(() => request(() => http.POST("/api/onboarding/survey")), started);
  const identify = useAction((cameras: string[] = [], village: string | null = null) => request(() => http.POST("/api/onboarding/identify", { body: { cameras, village } })), started);
  return { ...fetched, work, devices, survey, identify };
}

/** A camera's row as the list has it, in use or not; null: there is none. */
export async function rowOf(camera: string): Promise<CameraRow | null> {
  for (const retired of [false, true]) {
    const page = await request(() => http.GET("/api/cameras", { params: { query: { text: camera, retired, size: 200 } } }));
    const found = page.cameras.find((c) => c.id === camera);
    if (found) return found;
  }
  return null;
}

/** Name of a village by its code. */
export function useVillageName(): (code: string) => string {
  const resources = useResources();
  return (code) => resources.villageNames.get(code) ?? code;
}
