/** State of the search page: words, filter, results, selection; kept in the address, so that reload and links restore it. */
import { computed, nextTick, ref, shallowRef, watch } from "vue";

import { http, request, upload } from "@/api/client";
import type { CountsReply, SearchOrder, SightingView, SimilarReply, StreamKind, WordsReply } from "@/api/schema";
import { useQueryText } from "@/shared/pageState";

import { asked, type Box, type Chip, merged, readFilter, without, writeFilter } from "./filter";

export type Verdict = "candidate" | "rejected";
/** What the results are of: words and filter, the candidates of the case, or an example. */
type Source = "" | "search" | "candidates" | "example" | `like:${string}`;

/** The order that an address names; people change addresses. */
const orderOf = (text: string): SearchOrder => (text === "best" ? "best" : "newest");

export function useSearchPage() {
  const words = useQueryText("q");
  const order = useQueryText("order", "newest");
  const tab = useQueryText("tab", "results");
  const chosen = useQueryText("hit");
  const source = useQueryText("of");
  const written = useQueryText("f");
  const filter = ref(readFilter(written.value));
  const typed = ref(words.value);
  const understood = shallowRef<WordsReply | null>(null);
  const rows = shallowRef<SightingView[]>([]);
  const next = ref<string | null>(null);
  const counts = shallowRef<CountsReply | null>(null);
  const same = ref<number | undefined>(undefined);
  const problem = shallowRef<unknown>(null);
  const busy = ref(false);
  const searched = ref(false);
  const byTravel = ref(false);
  const beside = shallowRef<SightingView | null>(null); // chosen, but not among the rows
  let running = 0;

  watch(filter, (now) => (written.value = writeFilter(now)));
  watch(written, (text) => text !== writeFilter(filter.value) && (filter.value = readFilter(text)));
  watch(words, (text) => (typed.value = text));

  const selected = computed(() => rows.value.find((r) => r.id === chosen.value) ?? (beside.value?.id === chosen.value ? beside.value : null));

  /** Ask for results; a later question overtakes an earlier one. Its failure is shown in their place. */
  async function attempt(of: Source, work: (isLatest: () => boolean) => Promise<void>): Promise<void> {
    const mine = ++running;
    busy.value = true;
    problem.value = null;
    try {
      await work(() => mine === running);
      if (mine === running) {
        searched.value = true;
        source.value = of;
      }
    } catch (failed) {
      if (mine === running) problem.value = failed;
    }
    if (mine === running) busy.value = false;
  }

  /** Turn the words into a filter. Throws ApiError. */
  async function understand(): Promise<void> {
    words.value = typed.value.trim();
    if (!words.value) {
      understood.value = null;
      return;
    }
    const reply = await request(() => http.POST("/api/search/words", { body: { phrase: words.value } }));
    filter.value = merged(filter.value, understood.value?.filter ?? null, reply.filter);
    understood.value = reply;
  }

  async function readWords(): Promise<void> {
    if (typed.value.trim() === words.value && (understood.value || !words.value)) return;
    try {
      await understand();
    } catch (failed) {
      problem.value = failed;
    }
  }

  const search = (): Promise<void> =>
    attempt("search", async (isLatest) => {
      if (typed.value.trim() !== words.value || (words.value && !understood.value)) await understand();
      tab.value = "results";
      const page = await request(() => http.POST("/api/search", { body: { ...asked(filter.value), order: orderOf(order.value) } }));
      if (!isLatest()) return;
      show(page.rows, page.next);
      const counted = await request(() => http.POST("/api/search/counts", { body: asked(filter.value) }));
      if (isLatest()) counts.value = counted;
    });

  async function more(): Promise<void> {
    if (!next.value || busy.value) return;
    const after = next.value;
    await attempt("search", async (isLatest) => {
      const page = await request(() => http.POST("/api/search", { body: { ...asked(filter.value), order: orderOf(order.value), after } }));
      if (!isLatest()) return;
      [rows.value, next.value] = [[...rows.value, ...page.rows], page.next];
    });
  }

  function show(found: SightingView[], after: string | null = null, alike?: number): void {
    [rows.value, next.value, counts.value, same.value] = [found, after, null, alike];
  }
  const showAlike = (reply: SimilarReply): void => show(reply.rows, null, reply.same);
  /** An example says what is looked for; of the filter, only times and places are asked beside it. */
  const around = () => asked({ ...filter.value, cls: [] });

  const like = (id: string): Promise<void> =>
    attempt(`like:${id}`, async (isLatest) => {
      tab.value = "results";
      const reply = await request(() => http.POST("/api/search/similar", { body: { filter: around(), sighting: id, by_travel: byTravel.value } }));
      if (isLatest()) showAlike(reply);
    });
  const likeBox = (camera: string, kind: StreamKind, at: Date, box: Box): Promise<void> =>
    attempt("example", async (isLatest) => {
      const reply = await request(() => http.POST("/api/search/similar", { body: { filter: around(), camera, kind, at_us: at.getTime() * 1000, box } }));
      if (isLatest()) showAlike(reply);
    });
  const likePicture = (file: Blob): Promise<void> =>
    attempt("example", async (isLatest) => {
      const query = new URLSearchParams({ filter: JSON.stringify(around()) });
      const reply = await upload<SimilarReply>(`/api/search/similar/picture?${query}`, file);
      if (isLatest()) showAlike(reply);
    });
  const candidates = (): Promise<void> =>
    attempt("candidates", async (isLatest) => {
      const page = await request(() => http.GET("/api/judgements"));
      if (isLatest()) show(page.rows);
    });

  /** Mark a sighting, or take the mark back. Throws ApiError. */
  async function judge(hit: SightingView, verdict: Verdict): Promise<void> {
    const body = { verdict: hit.verdict === verdict ? ("none" as const) : verdict };
    const changed = await request(() => http.POST("/api/sightings/{sighting}/judgement", { params: { path: { sighting: hit.id } }, body }));
    const put = (r: SightingView): SightingView => (r.id === hit.id ? { ...r, verdict: changed.verdict } : r);
    rows.value = rows.value.map(put);
    if (beside.value) beside.value = put(beside.value);
  }

  function step(by: number): void {
    const at = rows.value.findIndex((r) => r.id === chosen.value);
    const hit = rows.value[at < 0 ? 0 : Math.min(rows.value.length - 1, Math.max(0, at + by))];
    if (hit) chosen.value = hit.id;
  }

  function drop(chip: Chip): void {
    filter.value = without(filter.value, chip);
    if (understood.value) understood.value = { ...understood.value, unseen: understood.value.unseen.filter((u) => u.kind !== chip.kind || u.value !== chip.value) };
  }

  /** What the address says was shown before the page was left. */
  async function restore(): Promise<void> {
    const of = source.value;
    if (of === "search" && words.value) {
      // For its notes only: the filter of the address is newer, chips may have been removed from it.
      understood.value = await request(() => http.POST("/api/search/words", { body: { phrase: words.value } })).catch(() => null);
    }
    if (of === "search") await search();
    else if (of === "candidates") await candidates();
    else if (of.startsWith("like:")) await like(of.slice(5));
    await nextTick();
    const id = chosen.value;
    if (!id || selected.value) return;
    try {
      beside.value = await request(() => http.GET("/api/sightings/{sighting}", { params: { path: { sighting: id } } }));
    } catch {
      chosen.value = ""; // the sighting is no longer kept
    }
  }

  return { words, typed, order, tab, chosen, source, filter, understood, rows, next, counts, same, problem, busy, searched, byTravel, selected, readWords, search, more, like, likeBox, likePicture, candidates, judge, step, drop, restore };
}
