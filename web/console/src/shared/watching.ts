/** Whether anybody still watches (R-VIEW-2): the page asks in time, and stops what runs where nobody answers. */
import { computed, ref } from "vue";

import { secondsWithoutInput } from "@/shared/activity";
import { useSession } from "@/shell/session";

const ANSWER_SECONDS = 60;
const running = new Set<() => void>(); // how to stop each video that plays
const count = ref(0);
const idle = ref(0);

/** A video plays; `stop` is called where nobody answers. Returns what to call when it ends by itself. */
export function watching(stop: () => void): () => void {
  running.add(stop);
  count.value = running.size;
  return () => {
    running.delete(stop);
    count.value = running.size;
  };
}

/** Seconds that are left to answer; null while nothing is asked. Any input is an answer. */
export const secondsToAnswer = computed((): number | null => {
  const asked = idle.value - (useSession().me?.ask_after_seconds ?? Infinity);
  return count.value > 0 && asked >= 0 ? Math.max(0, Math.ceil(ANSWER_SECONDS - asked)) : null;
});

/** Once a second. */
export function lookAround(): void {
  idle.value = secondsWithoutInput();
  if (secondsToAnswer.value === 0) for (const stop of [...running]) stop();
}
