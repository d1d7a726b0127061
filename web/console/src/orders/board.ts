/** The order board: its columns, and which steps a person may take from where. Closing is the machine's. */
import type { OrderView } from "@/api/schema";

export const COLUMNS = ["new", "assigned", "working", "parts", "verifying", "refused"] as const;
export type Column = (typeof COLUMNS)[number];

const STEPS: Record<Column, readonly Column[]> = {
  new: ["assigned", "refused"],
  assigned: ["assigned", "working", "parts", "verifying", "refused"], // to another company too
  working: ["assigned", "parts", "verifying"],
  parts: ["assigned", "working", "verifying"],
  verifying: ["working"],
  refused: ["assigned"],
};

/** States into which all of these orders may be moved. */
export function stepsOf(orders: OrderView[]): Column[] {
  const [first, ...rest] = orders.map((o) => STEPS[o.state as Column] ?? []);
  return (first ?? []).filter((state) => rest.every((steps) => steps.includes(state)));
}

/** Orders of a column, the latest deadline last; late ones come first by that. */
export const inColumn = (orders: OrderView[], column: Column): OrderView[] =>
  orders.filter((o) => o.state === column).sort((a, b) => a.mend_by.localeCompare(b.mend_by));

const HOUR_MS = 3_600_000;

export interface Clock {
  state: "ok" | "attention" | "fault";
  /** Seconds until the time to repair is over; negative: since then. */
  seconds: number;
}

/** The clock of an order that is open: attention in its last hours, or once it was reminded of. */
export function clockOf(order: OrderView, now: number): Clock {
  const left = Date.parse(order.deadlines.repair_by) - now;
  const whole = Date.parse(order.deadlines.repair_by) - Date.parse(order.created_at);
  const state = left < 0 || order.late ? "fault" : order.deadlines.warned > 0 || left < Math.max(HOUR_MS, whole / 4) ? "attention" : "ok";
  return { state, seconds: left / 1000 };
}
