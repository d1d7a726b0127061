/** Events as the pages take them that are not rewritten yet. */
import { watch } from "vue";

import { type StationEvent, useEvents as hear, useEventStore } from "@/shell/events";

export type { StationEvent };

export function useEvents(listener: (event: StationEvent) => void, connected: (open: boolean) => void = () => undefined): void {
  hear([""], listener);
  watch(() => useEventStore().state, (state) => connected(state === "open"), { immediate: true });
}
