/** Holds: footage that retention does not delete. Read in pages, and again on events. */
import { computed, type Ref, ref, shallowRef, watch } from "vue";

import { http, request } from "@/api/client";
import { useFetch } from "@/api/requests";
import type { HoldView } from "@/api/schema";
import { showError } from "@/shared/messages";
import { useRefreshOn } from "@/shell/events";

const PAGE = 50;
export const RENEWAL_DAYS = 180;

/** 2.5 GB; "—" where nobody knows. */
export const sizeOf = (bytes: number | null): string => (bytes === null ? "—" : `${(bytes / 1e9).toFixed(bytes < 1e9 ? 2 : 1)} GB`);

export function useHolds(ended: Ref<boolean>) {
  const older = shallowRef<HoldView[]>([]);
  const full = ref(false); // the last page was full: there may be more
  const ask = (before: number | null) => request(() => http.GET("/api/holds", { params: { query: { limit: PAGE, ended: ended.value, before } } }));
  const first = useFetch(() => ["holds", ended.value], () => ask(null));
  const rows = computed(() => [...(first.data.value ?? []), ...older.value]);
  watch(first.data, (now) => {
    older.value = [];
    full.value = now?.length === PAGE;
  });
  useRefreshOn(["hold.", "case.closed"], () => void first.reload());

  async function more(): Promise<void> {
    try {
      const found = await ask(rows.value.at(-1)?.id ?? null);
      older.value = [...older.value, ...found];
      full.value = found.length === PAGE;
    } catch (problem) {
      showError(problem);
    }
  }
  return { first, rows, full, more };
}
