/** Alerts, subjects of the watch list and cases, kept by events. */
import { computed } from "vue";

import { http, request } from "@/api/client";
import { useFetch } from "@/api/requests";
import type { AlertView, CaseView, SubjectView } from "@/api/schema";
import { t, term } from "@/shared/i18n";
import { chipText } from "@/search/words";
import { useRefreshOn } from "@/shell/events";
import { useResources } from "@/shell/resources";

import { filterOf, watchedChips } from "./wanted";

const MOST_ALERTS = 100;
/** An alert in these states is its own ground to look at its picture; afterwards a purpose is. */
const RUNNING = ["new", "dispatched", "acked", "under_way"];
const FIRST = ["proposed", "active", "expired"];

/** An alert with the moment (performance.now) until which it can be taken back: by the station's clock, not the computer's. */
export type TimedAlert = AlertView & { recallUntil: number };
export const timed = (alerts: AlertView[], received = performance.now()): TimedAlert[] => alerts.map((a) => ({ ...a, recallUntil: received + a.recall_seconds * 1000 }));

export const isRunning = (state: string): boolean => RUNNING.includes(state);

/** What waits for a decision first, then who is looked for, then what is over; the newest first within. */
export function inOrder(subjects: SubjectView[]): SubjectView[] {
  const rank = (s: SubjectView): number => (FIRST.includes(s.state) ? FIRST.indexOf(s.state) : FIRST.length);
  return [...subjects].sort((a, b) => rank(a) - rank(b) || b.id - a.id);
}

export const featuresOf = (s: Pick<SubjectView, "cls" | "upper" | "lower">): string =>
  [term("cls", s.cls), s.upper && t("watch.upper", { colour: term("colour", s.upper) }), s.lower && t("watch.lower", { colour: term("colour", s.lower) })].filter(Boolean).join(" · ");

/** All the words of a subject; of one from before there were such words, class and colours. */
export const wordsTold = (s: SubjectView): string => watchedChips(filterOf(s)).map((c) => `${term("chip", c.kind)} ${chipText(c)}`).join(" · ") || featuresOf(s);

export function scopeOf(s: SubjectView): string {
  const resources = useResources();
  return s.villages === null ? t("watch.wholeTown") : s.villages.map((v) => resources.villageNames.get(v) ?? v).join(t("watch.comma"));
}

export function useCases() {
  const fetched = useFetch(["cases"], () => request(() => http.GET("/api/cases")));
  useRefreshOn(["case."], () => void fetched.reload());
  const open = computed(() => (fetched.data.value ?? []).filter((c) => !c.closed_at));
  const byId = computed(() => new Map<number | null, CaseView>((fetched.data.value ?? []).map((c) => [c.id, c])));
  return { fetched, open, byId };
}

export function useWatch() {
  const subjects = useFetch(["watch"], () => request(() => http.GET("/api/watch")));
  const alerts = useFetch(["alerts"], async () => timed(await request(() => http.GET("/api/alerts", { params: { query: { limit: MOST_ALERTS } } }))));
  useRefreshOn(["watch."], () => void subjects.reload());
  useRefreshOn(["alert."], () => void alerts.reload());
  const ordered = computed(() => inOrder(subjects.data.value ?? []));
  return { subjects, alerts, ordered };
}
