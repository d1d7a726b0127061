/** What a subject is looked for by: the part of a search filter that the matcher judges, in the officer's words. */
import type { Filter, SubjectView, SubjectWords } from "@/api/schema";
import { type Chip, chipsOf, emptyFilter } from "@/search/filter";
import { clockTime } from "@/shared/time";

const KEYS = [
  "cls", "not_cls", "upper", "lower", "not_upper", "not_lower", "infrared", "attributes", "lacking", "directions", "heading", "speeds", "plate", "cameras", "map_area", "nightly",
] as const satisfies readonly (keyof SubjectWords & keyof Filter)[];
/** Chips of a phrase that a subject has no use for: its time is its expiry, and how long somebody stays is known too late. */
const NOT_WATCHED = ["between", "dwell", "height", "area"];

/** Least likeness to an example picture (cosine): usually, and the bounds within which it can be chosen. */
export const LIKENESS = { usual: 0.6, least: 0.3, most: 0.95 };

/** What is sent of a filter; an area of one or two corners is a drawing that was begun and left. */
export function wordsOf(filter: Filter): SubjectWords {
  const words = Object.fromEntries(KEYS.map((key) => [key, filter[key]])) as SubjectWords;
  return { ...words, map_area: filter.map_area.length > 2 ? filter.map_area : [] };
}

export const filterOf = (s: Pick<SubjectView, "words" | "villages">): Filter => ({ ...emptyFilter(), ...s.words, villages: s.villages ?? [] });

/** The chips that restrict a subject; villages have their own field. */
export const watchedChips = (filter: Filter): Chip[] => chipsOf(filter).filter((c) => !NOT_WATCHED.includes(c.kind) && c.kind !== "village");
export const unwatchedChips = (filter: Filter): Chip[] => chipsOf(filter).filter((c) => NOT_WATCHED.includes(c.kind));

/** Whether they say more than a class and a place, which everybody there would match. */
export const describes = (filter: Filter, examples: number): boolean =>
  examples > 0 || filter.upper.length + filter.lower.length + filter.attributes.length > 0 || filter.plate.replaceAll("*", "") !== "";

/** "22:00-05:00" of two times of day; null while one is missing or both are the same. */
export const hoursOf = (from: string, to: string): string | null => (from && to && from !== to ? `${from}-${to}` : null);

const DAY_MS = 86_400_000;

/**
 * Times of day of words such as "晚上22点到5点": a search takes them as one night, a subject as every night. Null for whole
 * days and longer spans.
 */
export function dailyOf(filter: Pick<Filter, "start" | "end" | "nightly">): [string, string] | null {
  if (filter.nightly) return filter.nightly.split("-") as [string, string];
  if (!filter.start || !filter.end) return null;
  const [start, end] = [Date.parse(filter.start), Date.parse(filter.end)];
  if (!(end > start && end - start < DAY_MS)) return null;
  return [clockTime(start).slice(0, 5), clockTime(end).slice(0, 5)];
}
