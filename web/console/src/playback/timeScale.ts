/** The scale of the time line: which stretch it shows, and where its marks are. All times in ms since 1970. */
import { stationInstant, dayOf } from "@/shared/time";

export type Range = readonly [number, number];

export const SHORTEST_MS = 60_000;
export const LONGEST_MS = 86_400_000;
const STEPS_S = [5, 10, 30, 60, 300, 900, 1800, 3600, 7200, 10_800, 21_600];

export const lengthOf = ([start, end]: Range): number => end - start;

/** Zoom about a moment; `factor` > 1 shows more. */
export function zoomed(range: Range, centre: number, factor: number): Range {
  const length = Math.max(SHORTEST_MS, Math.min(LONGEST_MS, lengthOf(range) * factor));
  const start = centre - ((centre - range[0]) * length) / lengthOf(range);
  return [start, start + length];
}

export const moved = ([start, end]: Range, by: number): Range => [start + by, end + by];

/** The range of a length about a moment, as far as possible not beyond the present. */
export function around(centre: number, length: number, now: number): Range {
  const end = Math.max(Math.min(centre + length / 2, now + length * 0.02), centre + length * 0.1);
  return [end - length, end];
}

/** Marks of the scale: round times of the station's day, at most `most` of them. */
export function marks(range: Range, most: number): { at: number; strong: boolean }[] {
  const length = lengthOf(range) / 1000;
  const step = (STEPS_S.find((s) => length / s <= most) ?? STEPS_S.at(-1)!) * 1000;
  const day = stationInstant(dayOf(range[0])).getTime();
  const first = day + Math.ceil((range[0] - day) / step) * step;
  const found: { at: number; strong: boolean }[] = [];
  for (let at = first; at <= range[1]; at += step) found.push({ at, strong: (at - day) % (step * 4) === 0 });
  return found;
}

/** Follow a moment that plays: the range turns a page when the moment leaves it. */
export function following(range: Range, at: number): Range {
  if (at >= range[0] && at <= range[1]) return range;
  const start = at - lengthOf(range) * 0.1;
  return [start, start + lengthOf(range)];
}
