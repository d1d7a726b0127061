import { describe, expect, it } from "vitest";

import type { AlertView } from "@/api/schema";

import { isOwnOpen, rings, standingOf } from "./phases";
import type { QueuedStep, Step } from "./queue";

const SEEN = Date.parse("2026-11-21T12:00:00Z");
const alert = (state: AlertView["state"], acked_by: string | null = null): AlertView => ({ id: 7, state, acked_by, dispatched_at: "2026-11-21T12:00:10Z", seen_at: "2026-11-21T12:00:00Z" }) as AlertView;
const queued = (step: Step, refused = false, account = "me", of = 7): QueuedStep => ({
  id: "1", order: 1, account, alert: of, title: "t", step, at: 0, place: null, refusal: refused ? { code: "alert_taken", message: "", params: {} } : null,
});

describe("the standing of an alert", () => {
  it.each([
    [alert("dispatched"), "waiting"], [alert("acked", "me"), "going"], [alert("acked", "li"), "others"], [alert("under_way", "me"), "there"],
    [alert("under_way", "li"), "others"], [alert("answered", "me"), "answered"], [alert("answered", "li"), "over"], [alert("closed", "me"), "answered"], [alert("recalled", "me"), "over"],
  ] as const)("follows the station: $state by $acked_by", (told, phase) => expect(standingOf(told, [], "me")).toEqual({ phase, unsynced: false }));

  it("shows a step at once that is not sent yet, and says so", () => {
    expect(standingOf(alert("dispatched"), [queued({ kind: "ack" })], "me")).toEqual({ phase: "going", unsynced: true });
    expect(standingOf(alert("acked", "me"), [queued({ kind: "answer", result: "caught", note: "" })], "me")).toEqual({ phase: "answered", unsynced: true });
  });

  it("goes back to the station's state where the step was refused, or is another's or of another alert", () => {
    expect(standingOf(alert("acked", "li"), [queued({ kind: "ack" }, true)], "me")).toEqual({ phase: "others", unsynced: false });
    expect(standingOf(alert("dispatched"), [queued({ kind: "ack" }, false, "other"), queued({ kind: "ack" }, false, "me", 8)], "me").phase).toBe("waiting");
  });

  it("does not ring again for who cannot come", () => expect(standingOf(alert("dispatched"), [], "me", new Set([7])).phase).toBe("declined"));
});

it("rings for half an hour while nobody has taken it", () => {
  const minutes = (n: number): number => SEEN + 10_000 + n * 60_000;
  expect(rings(alert("dispatched"), "waiting", minutes(29))).toBe(true);
  expect(rings(alert("dispatched"), "waiting", minutes(31))).toBe(false);
  expect(rings(alert("acked", "me"), "going", minutes(1))).toBe(false);
  expect(["going", "there", "waiting", "answered"].map((p) => isOwnOpen(p as "going"))).toEqual([true, true, false, false]);
});
