/** The filter of a search: in the address, as chips, and as ranges of time. */
import type { Filter } from "@/api/schema";
import { dayBounds, dayOf, stationInstant } from "@/shared/time";

/** Point in parts of a picture, or longitude and latitude. */
export type Corner = [number, number];
/** x, y, width, height in parts of the picture. */
export type Box = [number, number, number, number];

export const emptyFilter = (): Filter => ({
  start: null, end: null, nightly: null, cameras: [], villages: [], map_area: [], area: [], cls: [], not_cls: [], upper: [], lower: [], not_upper: [], not_lower: [], infrared: false,
  attributes: [], lacking: [], directions: [], heading: null, speeds: [], min_dwell: 0, min_height: 0, max_height: 1, min_score: 0, plate: "",
});

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The filter as text of an address: what differs from the empty one. */
export function writeFilter(filter: Filter): string {
  const empty = emptyFilter();
  const set = Object.entries(filter).filter(([key, value]) => !same(value, empty[key as keyof Filter]));
  return set.length ? JSON.stringify(Object.fromEntries(set)) : "";
}

/** The filter of an address; people change addresses, so that what has the wrong shape is left out. */
export function readFilter(text: string): Filter {
  const filter = emptyFilter();
  let given: unknown;
  try {
    given = JSON.parse(text || "{}");
  } catch {
    return filter;
  }
  if (typeof given !== "object" || given === null) return filter;
  const fits = Object.entries(given).filter(([key, value]) => key in filter && isAlike(value, filter[key as keyof Filter]));
  return { ...filter, ...(Object.fromEntries(fits) as Partial<Filter>) };
}

const isAlike = (value: unknown, usual: unknown): boolean =>
  Array.isArray(usual) ? Array.isArray(value) : usual === null ? value === null || typeof value === "string" : typeof value === typeof usual;

/** What is sent: areas of one or two corners are drawings that were begun and left. */
export const asked = (filter: Filter): Filter => ({
  ...filter,
  area: filter.area.length > 2 ? filter.area : [],
  map_area: filter.map_area.length > 2 ? filter.map_area : [],
  nightly: filter.nightly && /^\d\d:\d\d-\d\d:\d\d$/.test(filter.nightly) ? filter.nightly : null,
});

const KEPT = ["start", "end", "nightly", "villages", "cameras", "area", "map_area"] as const;

/** The filter of new words, with the times and places that were chosen otherwise than by the words `before`. */
export function merged(present: Filter, before: Filter | null, words: Filter): Filter {
  const empty = emptyFilter();
  const timed = words.start !== null || words.end !== null;
  const kept = KEPT.filter((key) => {
    if (timed && (key === "start" || key === "end")) return false;
    return same(words[key], empty[key]) && !(before && same(present[key], before[key]));
  });
  return { ...words, ...Object.fromEntries(kept.map((key) => [key, present[key]])) };
}

export interface Chip {
  kind: string;
  value: string;
}

const LISTS: Record<string, keyof Filter> = {
  cls: "cls", not_cls: "not_cls", upper: "upper", not_upper: "not_upper", lower: "lower", not_lower: "not_lower", attribute: "attributes",
  lacking: "lacking", direction: "directions", speed: "speeds", village: "villages", camera: "cameras",
};

/** All that a filter asks for, each as a chip. */
export function chipsOf(filter: Filter): Chip[] {
  const chips = Object.entries(LISTS).flatMap(([kind, key]) => (filter[key] as string[]).map((value) => ({ kind, value })));
  const add = (kind: string, value: string | number | boolean | null): void => void (value && chips.push({ kind, value: String(value) }));
  if (filter.start || filter.end) add("between", `${filter.start ?? ""}/${filter.end ?? ""}`);
  add("nightly", filter.nightly);
  add("heading", filter.heading);
  add("dwell", filter.min_dwell);
  add("height", filter.min_height);
  add("plate", filter.plate);
  add("infrared", filter.infrared);
  if (filter.map_area.length > 2) add("mapArea", filter.map_area.length);
  if (filter.area.length > 2) add("area", filter.area.length);
  return chips;
}

/** The filter without one of its chips. */
export function without(filter: Filter, { kind, value }: Chip): Filter {
  const list = LISTS[kind];
  if (list) return { ...filter, [list]: (filter[list] as string[]).filter((v) => v !== value) };
  const cleared: Record<string, Partial<Filter>> = {
    between: { start: null, end: null }, nightly: { nightly: null }, heading: { heading: null }, dwell: { min_dwell: 0 }, height: { min_height: 0 },
    plate: { plate: "" }, infrared: { infrared: false }, mapArea: { map_area: [] }, area: { area: [] },
  };
  return { ...filter, ...cleared[kind] };
}

export const RANGES = ["hour", "today", "night", "yesterday", "shift"] as const;
export type RangeName = (typeof RANGES)[number];
const HOUR_MS = 3_600_000;

/** Start and end of a range that ends now or has a name; null where nobody has the duty desk. */
export function rangeOf(name: RangeName, now: Date, shiftSince: string | null): [Date, Date] | null {
  const [today] = dayBounds(dayOf(now));
  const yesterday = dayOf(today.getTime() - HOUR_MS);
  if (name === "hour") return [new Date(now.getTime() - HOUR_MS), now];
  if (name === "today") return [today, now];
  if (name === "yesterday") return dayBounds(yesterday);
  if (name === "shift") return shiftSince ? [new Date(shiftSince), now] : null;
  const morning = stationInstant(dayOf(now), "06:00");
  return [stationInstant(yesterday, "18:00"), morning < now ? morning : now];
}
