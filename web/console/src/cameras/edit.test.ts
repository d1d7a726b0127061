import { describe, expect, it } from "vitest";

import { changesOf, formOf } from "./edit";

const FILE = { name: "村口", address: "10.0.0.1", profile: { cost: 1200, responsible: "王村长", warranty_until: "2027-01-01" } };

describe("changes of a camera's file", () => {
  it("sends nothing where nothing changed", () => {
    expect(changesOf(formOf(FILE), formOf(FILE))).toEqual({});
  });

  it("sends what changed, removes what was emptied, and keeps numbers numbers", () => {
    const after = { ...formOf(FILE), name: " 村口东 ", cost: "1300.5", warranty_until: null, responsible: "" };
    expect(changesOf(formOf(FILE), after)).toEqual({ name: "村口东", cost: 1300.5, warranty_until: null, responsible: null });
  });
});
