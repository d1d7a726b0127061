/** State of the patrol page: faults, which one is in the middle, which are chosen, and what is done about them. */
import { computed, ref, watch } from "vue";

import { http, request } from "@/api/client";
import { refresh, useAction, useFetch } from "@/api/requests";
import type { FaultView, VerdictBody } from "@/api/schema";
import { t } from "@/shared/i18n";
import { showDone } from "@/shared/messages";
import { useQueryText } from "@/shared/pageState";
import { useRefreshOn } from "@/shell/events";
import { useResources } from "@/shell/resources";
import { useSession } from "@/shell/session";

import { bySeverity, filtered, grouped, type Grouping } from "./faults";

export type Verdict = VerdictBody["verdict"];
const MOST = 500;

export function usePatrol() {
  const session = useSession();
  const resources = useResources();
  const closed = useQueryText("closed");
  const village = useQueryText("village");
  const family = useQueryText("family");
  const grouping = useQueryText("group", "none");
  const current = useQueryText("fault");
  const text = ref("");
  const chosen = ref(new Set<number>());
  const may = computed(() => session.may("patrol.run"));

  const patrol = useFetch(
    () => ["patrol", closed.value],
    () => request(() => http.GET("/api/patrol", { params: { query: { closed: closed.value === "1", limit: MOST } } })),
    { keep: true },
  );
  useRefreshOn(["patrol.", "fault.", "order."], () => void patrol.reload());

  const all = computed(() => [...(patrol.data.value?.faults ?? [])].sort(bySeverity));
  const groups = computed(() => grouped(filtered(all.value, { village: village.value, family: family.value, text: text.value }), grouping.value as Grouping, (code) => resources.villageNames.get(code) ?? ""));
  const faults = computed(() => groups.value.flatMap((g) => g.faults));
  const families = computed(() => [...new Set(all.value.map((f) => f.family))]);
  const position = computed(() => Math.max(0, faults.value.findIndex((f) => String(f.id) === current.value)));
  const fault = computed<FaultView | null>(() => faults.value[position.value] ?? null);
  watch(faults, (now) => (chosen.value = new Set([...chosen.value].filter((id) => now.some((f) => f.id === id)))));

  function select(f: FaultView | undefined): void {
    if (f) current.value = String(f.id);
  }
  const step = (by: number): void => select(faults.value[Math.max(0, Math.min(faults.value.length - 1, position.value + by))]);

  function toggle(id: number): void {
    const next = new Set(chosen.value);
    if (!next.delete(id)) next.add(id);
    chosen.value = next;
  }

  function chooseAll(members: FaultView[]): void {
    const every = members.every((f) => chosen.value.has(f.id));
    const next = new Set(chosen.value);
    for (const f of members) if (every) next.delete(f.id);
    else next.add(f.id);
    chosen.value = next;
  }

  /** What is chosen, else the fault in the middle. */
  const targets = computed(() => (chosen.value.size ? [...chosen.value] : fault.value ? [fault.value.id] : []));

  function over(): void {
    chosen.value = new Set();
    refresh("patrol");
  }

  const { run: judge, busy: judging } = useAction(
    async (verdict: Verdict) => {
      const wanted = targets.value;
      if (!may.value || wanted.length === 0) return;
      await request(() => http.POST("/api/faults/verdict", { body: { faults: wanted, verdict } }));
      if (wanted.length === 1) step(1);
    },
    { done: over },
  );
  const { run: order, busy: ordering } = useAction(
    async () => {
      const wanted = targets.value;
      if (!may.value || wanted.length === 0) return;
      const made = await request(() => http.POST("/api/orders", { body: { faults: wanted } }));
      showDone(t("patrol.ordered", { n: made.length }));
    },
    { done: over },
  );
  const { run: begin, busy: beginning } = useAction(() => request(() => http.POST("/api/patrol/rounds", { body: {} })), { refreshes: [["patrol"]] });

  return { session, resources, patrol, may, closed, village, family, grouping, text, groups, faults, families, all, fault, position, chosen, targets, select, step, toggle, chooseAll, judge, judging, order, ordering, begin, beginning };
}
