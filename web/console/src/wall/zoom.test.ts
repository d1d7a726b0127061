import { describe, expect, it } from "vitest";

import { panned, transformOf, WHOLE, zoomedAt } from "./zoom";

describe("digital zoom", () => {
  it("keeps the spot under the cursor", () => {
    const view = zoomedAt(WHOLE, 2, 0.75, 0.5);
    expect((0.75 - view.x) / view.scale).toBeCloseTo(0.75);
    expect((0.5 - view.y) / view.scale).toBeCloseTo(0.5);
  });

  it("never shows what lies beside the picture", () => {
    expect(zoomedAt(zoomedAt(WHOLE, 4, 1, 1), 0.01, 0, 0)).toEqual(WHOLE);
    expect(panned({ scale: 2, x: -0.5, y: -0.5 }, 5, -5)).toEqual({ scale: 2, x: 0, y: -1 });
    expect(zoomedAt(WHOLE, 100, 0, 0).scale).toBe(8);
    expect(transformOf(WHOLE)).toBe("none");
  });
});
