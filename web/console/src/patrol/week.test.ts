import { describe, expect, it } from "vitest";

import { nextLeft, referenceOf } from "./week";

const NIGHT = { light: "night" as const, inspection: 7, at: "2026-07-08T14:00:00Z" };

describe("reference pictures of a fault", () => {
  it("are its own, by day and by night, or none", () => {
    const fault = { id: 3, has_reference: false };
    expect(referenceOf(fault, [NIGHT], "own")).toBeNull();
    expect(referenceOf({ ...fault, has_reference: true }, [], "own")).toBe("/api/faults/3/reference");
    expect(referenceOf(fault, [NIGHT], "night")).toBe("/api/faults/3/inspections/7");
    expect(referenceOf(fault, [NIGHT], "day")).toBeNull();
  });

  it("change in turn among those that are kept", () => {
    expect(nextLeft("own", (l) => l !== "day")).toBe("night");
    expect(nextLeft("night", () => true)).toBe("own");
    expect(nextLeft("own", () => false)).toBe("own");
  });
});
