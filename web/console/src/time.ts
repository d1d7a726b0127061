const pad = (n: number): string => String(n).padStart(2, "0");

/** 20:31:05 */
export const clockTime = (d: Date): string => `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;

/** 2026-11-21 */
export const dayOf = (d: Date): string => `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;

/** 2026-11-21 20:31:05 */
export const dateTime = (text: string): string => {
  const d = new Date(text);
  return `${dayOf(d)} ${clockTime(d)}`;
};

/** First and last instant of a local day given as 2026-11-21. */
export function dayBounds(day: string): [Date, Date] {
  const start = new Date(`${day}T00:00:00`);
  const end = new Date(start);
  end.setDate(end.getDate() + 1);
  return [start, end];
}
