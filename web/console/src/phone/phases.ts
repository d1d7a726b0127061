/** What an alert is for this officer: the station's state, with his own steps that the station does not know yet. */
import type { AlertView } from "@/api/schema";

import type { QueuedStep } from "./queue";

/**
 * waiting: nobody has taken it; declined: he cannot come; going: he has taken it; there: he has arrived; answered: he has
 * told the result; others: a colleague has it; over: closed without him.
 */
export type Phase = "waiting" | "declined" | "going" | "there" | "answered" | "others" | "over";

export interface Standing {
  phase: Phase;
  /** A step of his is not at the station yet. */
  unsynced: boolean;
}

const AFTER: Record<QueuedStep["step"]["kind"], Phase> = { ack: "going", arrive: "there", decline: "declined", answer: "answered" };

export function standingOf(alert: AlertView, steps: readonly QueuedStep[], account: string, declined: ReadonlySet<number> = new Set()): Standing {
  const own = steps.filter((s) => s.alert === alert.id && s.account === account && s.refusal === null);
  const last = own.at(-1);
  if (last) return { phase: AFTER[last.step.kind], unsynced: true };
  return { phase: told(alert, account, declined), unsynced: false };
}

function told(alert: AlertView, account: string, declined: ReadonlySet<number>): Phase {
  const mine = alert.acked_by === account;
  switch (alert.state) {
    case "dispatched":
      return declined.has(alert.id) ? "declined" : "waiting";
    case "acked":
      return mine ? "going" : "others";
    case "under_way":
      return mine ? "there" : "others";
    case "answered":
    case "closed":
      return mine ? "answered" : "over";
    default:
      return "over";
  }
}

/** Phases in which the officer has something to do. */
export const isOwnOpen = (phase: Phase): boolean => phase === "going" || phase === "there";

const RINGS_MS = 30 * 60_000;

/** Whether a waiting alert still rings; an older one is shown, but nobody runs for it. */
export function rings(alert: AlertView, phase: Phase, now: number): boolean {
  return phase === "waiting" && now - Date.parse(alert.dispatched_at ?? alert.seen_at) < RINGS_MS;
}
