/** What a search page asks and holds. */
import { reactive, ref } from "vue";

import { api, ApiError, type SearchCounts, type SearchFilter, type SightingView, withQuery } from "@/legacyApi";

export const emptyFilter = (): SearchFilter => ({
  start: null, end: null, nightly: null, cameras: [], villages: [], map_area: [], area: [], cls: [], not_cls: [], upper: [], lower: [], not_upper: [], not_lower: [], infrared: false,
  attributes: [], lacking: [], directions: [], heading: null, speeds: [], min_dwell: 0, min_height: 0, max_height: 1, min_score: 0, plate: "",
});

export interface SimilarReply {
  rows: SightingView[];
  same: number;
  embedder: string;
}

/** Areas of one or two corners are drawings that were begun and left. */
export const asked = (filter: SearchFilter): SearchFilter => ({
  ...filter,
  area: filter.area.length > 2 ? filter.area : [],
  map_area: filter.map_area.length > 2 ? filter.map_area : [],
  nightly: filter.nightly && /^\d\d:\d\d-\d\d:\d\d$/.test(filter.nightly) ? filter.nightly : null,
});

export function useSearch() {
  const rows = ref<SightingView[]>([]);
  const next = ref<string | null>(null);
  const counts = ref<SearchCounts | null>(null);
  const same = ref<number | undefined>(undefined);
  const error = ref("");
  const searched = ref(false);
  const state = reactive({ rows, next, counts, same, error, searched });

  async function attempt(work: () => Promise<void>): Promise<void> {
    error.value = "";
    try {
      await work();
      searched.value = true;
    } catch (problem) {
      error.value = problem instanceof ApiError ? problem.message : String(problem);
    }
  }

  const run = (filter: SearchFilter, order: string, after?: string) =>
    attempt(async () => {
      const page = await api.post<{ rows: SightingView[]; next: string | null }>("/api/search", { ...asked(filter), order, after });
      rows.value = after ? [...rows.value, ...page.rows] : page.rows;
      next.value = page.next;
      same.value = undefined;
      if (!after) counts.value = await api.post<SearchCounts>("/api/search/counts", asked(filter));
    });
  const show = (reply: SimilarReply): void => {
    [rows.value, next.value, counts.value, same.value] = [reply.rows, null, null, reply.same];
  };
  const similarTo = (sighting: string, filter: SearchFilter, byTravel: boolean) =>
    attempt(async () => show(await api.post<SimilarReply>("/api/search/similar", { filter: asked({ ...filter, cls: [] }), sighting, by_travel: byTravel })));
  const similarOn = (camera: string, kind: string, atUs: number, box: number[], filter: SearchFilter) =>
    attempt(async () => show(await api.post<SimilarReply>("/api/search/similar", { filter: asked({ ...filter, cls: [] }), camera, kind, at_us: atUs, box })));
  const similarPicture = (file: Blob, filter: SearchFilter) =>
    attempt(async () => show(await api.send<SimilarReply>(withQuery("/api/search/similar/picture", { filter: JSON.stringify(asked({ ...filter, cls: [] })) }), file)));
  const candidates = () =>
    attempt(async () => {
      const page = await api.get<{ rows: SightingView[]; next: string | null }>("/api/judgements");
      [rows.value, next.value, counts.value, same.value] = [page.rows, null, null, undefined];
    });
  const judge = (hit: SightingView, verdict: "candidate" | "rejected") =>
    attempt(async () => {
      const changed = await api.post<SightingView>(`/api/sightings/${hit.id}/judgement`, { verdict: hit.verdict === verdict ? "none" : verdict });
      rows.value = rows.value.map((r) => (r.id === hit.id ? { ...r, verdict: changed.verdict } : r));
    });
  return { state, run, similarTo, similarOn, similarPicture, candidates, judge, attempt };
}
