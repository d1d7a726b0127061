/** Numbers of sightings by time, as bars of equal width. */
import { dayBounds, stationInstant } from "@/shared/time";

export interface Bar {
  /** As the station counts it: "2026-11-21T20:00" for an hour, "2026-11-21" for a day. */
  label: string;
  start: number;
  end: number;
  count: number;
}

const HOUR_MS = 3_600_000;
const MOST = 400;

const boundsOf = (key: string): [number, number] => {
  const [day, time] = key.split("T");
  if (!time) return dayBounds(day!).map((d) => d.getTime()) as [number, number];
  const start = stationInstant(day!, time).getTime();
  return [start, start + HOUR_MS];
};

/** Bars from the first to the last time with sightings, the empty ones between them included. */
export function barsOf(counts: Record<string, number>): Bar[] {
  const found = Object.entries(counts).map(([label, count]): Bar => ({ label, start: boundsOf(label)[0], end: boundsOf(label)[1], count })).sort((a, b) => a.start - b.start);
  const all: Bar[] = [];
  for (const bar of found) {
    for (let last = all.at(-1); last && bar.start - last.end >= HOUR_MS && all.length < MOST; last = all.at(-1)) {
      all.push({ label: "", start: last.end, end: Math.min(bar.start, last.end + (bar.end - bar.start)), count: 0 });
    }
    all.push(bar);
  }
  return all;
}

/** Start and end of the bars that lie between two places of the diagram (0 to 1). */
export function brushed(bars: Bar[], from: number, to: number): [number, number] | null {
  if (!bars.length) return null;
  const index = (place: number): number => Math.min(bars.length - 1, Math.max(0, Math.floor(place * bars.length)));
  return [bars[index(Math.min(from, to))]!.start, bars[index(Math.max(from, to))]!.end];
}
