/** On or off duty, and the position that the station gets meanwhile. */
import { defineStore } from "pinia";
import { onScopeDispose, shallowRef, watch } from "vue";

import { http, request } from "@/api/client";
import type { DutyView } from "@/api/schema";

import { followPosition, position } from "./position";
import { showProblem } from "./tell";

const REPORT_MS = 30_000;

export const useDuty = defineStore("phone-duty", () => {
  const duty = shallowRef<DutyView | null>(null); // null: not known yet

  async function load(): Promise<void> {
    duty.value = await request(() => http.GET("/api/duty")).catch(() => duty.value);
  }

  async function change(on: boolean): Promise<void> {
    try {
      duty.value = await request(() => http.POST("/api/duty", { body: { on_duty: on } }));
    } catch (problem) {
      showProblem(problem);
    }
  }

  return { duty, load, change };
});

/** Tell the station where the phone is, while its officer is on duty; a report that fails is not repeated: the next one comes. */
export function useDutyPosition(): void {
  const store = useDuty();
  let release: (() => void) | null = null;
  const report = (): void => {
    const at = position.value;
    if (!release || !at) return;
    const body = { latitude: at.latitude, longitude: at.longitude, accuracy_m: at.accuracy };
    void request(() => http.POST("/api/duty/position", { body })).catch(() => undefined);
  };
  watch(() => store.duty?.on_duty ?? false, (on) => {
    release?.();
    release = on ? followPosition() : null;
  });
  const first = watch(position, (at, before) => at && !before && report());
  const timer = setInterval(report, REPORT_MS);
  onScopeDispose(() => {
    first();
    clearInterval(timer);
    release?.();
  });
  void store.load();
}
