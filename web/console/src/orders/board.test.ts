import { describe, expect, it } from "vitest";

import type { OrderView } from "@/api/schema";

import { clockOf, inColumn, stepsOf } from "./board";

const order = (given: Partial<OrderView>): OrderView => ({
  id: 1, state: "new", created_at: "2026-11-21T00:00:00Z", mend_by: "2026-11-22T00:00:00Z", late: false,
  deadlines: { respond_by: "2026-11-21T04:00:00Z", repair_by: "2026-11-22T00:00:00Z", late: false, warned: 0, escalated: false, verified_at: null }, ...given,
} as OrderView);
const at = (text: string): number => Date.parse(text);

describe("order board", () => {
  it("offers only the steps that all chosen orders may take", () => {
    expect(stepsOf([order({ state: "new" })])).toEqual(["assigned", "refused"]);
    expect(stepsOf([order({ state: "new" }), order({ state: "assigned" })])).toEqual(["assigned", "refused"]);
    expect(stepsOf([order({ state: "working" }), order({ state: "verifying" })])).toEqual([]);
    expect(stepsOf([])).toEqual([]);
  });

  it("gives an assigned order to another company", () => {
    expect(stepsOf([order({ state: "assigned" })])).toContain("assigned");
  });

  it("shows the next deadline first", () => {
    const found = inColumn([order({ id: 1, mend_by: "2026-11-23T00:00:00Z" }), order({ id: 2 }), order({ id: 3, state: "working" })], "new");
    expect(found.map((o) => o.id)).toEqual([2, 1]);
  });

  it("warns in the last quarter, and after the deadline", () => {
    expect(clockOf(order({}), at("2026-11-21T12:00:00Z")).state).toBe("ok");
    expect(clockOf(order({}), at("2026-11-21T19:00:00Z"))).toEqual({ state: "attention", seconds: 18_000 });
    expect(clockOf(order({}), at("2026-11-22T01:00:00Z"))).toEqual({ state: "fault", seconds: -3600 });
  });
});
