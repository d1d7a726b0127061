/** Times as the station shows them: in its own zone, whatever the zone of this computer. */
import { ref } from "vue";

const zone = ref(Intl.DateTimeFormat().resolvedOptions().timeZone);
const formats = new Map<string, Intl.DateTimeFormat>();

export const stationZone = (): string => zone.value;

export function setStationZone(name: string): void {
  zone.value = name;
}

interface Parts {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

function partsOf(instant: Date): Parts {
  let format = formats.get(zone.value);
  if (!format) {
    const two = "2-digit";
    format = new Intl.DateTimeFormat("en-GB", { timeZone: zone.value, hourCycle: "h23", year: "numeric", month: two, day: two, hour: two, minute: two, second: two });
    formats.set(zone.value, format);
  }
  const found = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  return { year: found.year!, month: found.month!, day: found.day!, hour: found.hour!, minute: found.minute!, second: found.second! };
}

const pad = (n: number): string => String(n).padStart(2, "0");
const asDate = (instant: Date | string | number): Date => (instant instanceof Date ? instant : new Date(instant));
export const isValid = (instant: Date): boolean => !Number.isNaN(instant.getTime());

/** 20:31:05 */
export function clockTime(instant: Date | string | number): string {
  const date = asDate(instant);
  if (!isValid(date)) return "—";
  const { hour, minute, second } = partsOf(date);
  return `${pad(hour)}:${pad(minute)}:${pad(second)}`;
}

/** 2026-11-21 */
export function dayOf(instant: Date | string | number): string {
  const date = asDate(instant);
  if (!isValid(date)) return "—";
  const { year, month, day } = partsOf(date);
  return `${year}-${pad(month)}-${pad(day)}`;
}

/** 2026-11-21 20:31:05; "—" for nothing. */
export function dateTime(instant: Date | string | number | null | undefined): string {
  if (instant === null || instant === undefined || instant === "") return "—";
  const date = asDate(instant);
  return isValid(date) ? `${dayOf(date)} ${clockTime(date)}` : "—";
}

/** Milliseconds by which the station's zone is ahead of UTC at an instant. */
function offsetAt(instant: number): number {
  const { year, month, day, hour, minute, second } = partsOf(new Date(instant));
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1000) * 1000;
}

/** The instant of a local time of the station ("2026-11-21", "20:31:05"); an hour that the clock skips becomes the next one. */
export function stationInstant(day: string, time = "00:00:00"): Date {
  const local = Date.parse(`${day}T${time.length === 5 ? `${time}:00` : time}Z`);
  if (Number.isNaN(local)) return new Date(NaN);
  const first = local - offsetAt(local);
  return new Date(local - offsetAt(first));
}

/** First and last instant of a day of the station. */
export function dayBounds(day: string): [Date, Date] {
  const next = new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000);
  return [stationInstant(day), stationInstant(isValid(next) ? next.toISOString().slice(0, 10) : day)];
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Count and unit of a duration, for texts like "19 min": the largest unit of which there are two or more, else the next. */
export function durationParts(seconds: number): { n: number; unit: "seconds" | "minutes" | "hours" | "days" } {
  const whole = Math.max(0, Math.round(seconds));
  if (whole >= 2 * DAY) return { n: Math.round(whole / DAY), unit: "days" };
  if (whole >= 2 * HOUR) return { n: Math.round(whole / HOUR), unit: "hours" };
  if (whole >= 2 * MINUTE) return { n: Math.round(whole / MINUTE), unit: "minutes" };
  return { n: whole, unit: "seconds" };
}
