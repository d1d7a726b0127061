/** The week of a faulty camera: its marks, and which reference its pictures are compared with. */
import type { FaultWeekView } from "@/api/schema";

type Result = FaultWeekView["days"][number]["result"];
export type Reference = FaultWeekView["references"][number];

/** As for states everywhere: a shape for each, so that none is told by its colour alone. */
export const RESULT_SHAPES: Readonly<Record<Result, string>> = { found: "■", other: "▲", clean: "●", unknown: "◌" };

/** What the left picture can show: the good picture that is kept with the fault, or the newest by day and by night. */
export const LEFT = ["own", "day", "night"] as const;
export type Left = (typeof LEFT)[number];

/** Address of a reference picture; null where none is kept. */
export function referenceOf(fault: { id: number; has_reference: boolean }, references: readonly Reference[], left: Left): string | null {
  if (left === "own") return fault.has_reference ? `/api/faults/${fault.id}/reference` : null;
  const found = references.find((r) => r.light === left);
  return found ? `/api/faults/${fault.id}/inspections/${found.inspection}` : null;
}

/** The next reference that there is, in the order of `LEFT`; the present one where there is no other. */
export function nextLeft(present: Left, there: (left: Left) => boolean): Left {
  const from = LEFT.indexOf(present);
  return LEFT.map((_, n) => LEFT[(from + 1 + n) % LEFT.length]!).find(there) ?? present;
}
