import { describe, expect, it } from "vitest";

import { affineOf, coneOf, type Place, placeAt, seenFrom } from "./ground";

const POLE: Place = [121.43, 29.47];

describe("places", () => {
  it("come back by bearing and distance", () => {
    for (const bearing of [0, 45, 90, 181, 359]) {
      const found = seenFrom(POLE, placeAt(POLE, bearing, 120));
      expect(found.bearing).toBeCloseTo(bearing, 1);
      expect(found.metres).toBeCloseTo(120, 2);
    }
  });

  it("have north above and east to the right", () => {
    expect(placeAt(POLE, 0, 100)[1]).toBeGreaterThan(POLE[1]);
    expect(placeAt(POLE, 90, 100)[0]).toBeGreaterThan(POLE[0]);
  });
});

describe("a cone", () => {
  it("begins and ends at the camera and reaches its range", () => {
    const ring = coneOf(POLE, 90, 50, 60);
    expect([ring[0], ring.at(-1)]).toEqual([POLE, POLE]);
    const seen = ring.slice(1, -1).map((place) => seenFrom(POLE, place));
    expect(Math.min(...seen.map((s) => s.bearing))).toBeCloseTo(60, 1);
    expect(Math.max(...seen.map((s) => s.bearing))).toBeCloseTo(120, 1);
    for (const { metres } of seen) expect(metres).toBeCloseTo(50, 2);
  });

  it("of 360 degrees is a circle without a corner in the middle", () => {
    const ring = coneOf(POLE, 0, 30, 360);
    expect(ring[0]).toEqual(ring.at(-1));
    expect(Math.min(...ring.map((place) => seenFrom(POLE, place).metres))).toBeCloseTo(30, 2);
  });
});

describe("an affine map", () => {
  it("takes the three points to their places", () => {
    const points = [
      { x: 0.1, y: 0.2, place: [1000, 5000] as [number, number] },
      { x: 0.9, y: 0.1, place: [1800, 5210] as [number, number] },
      { x: 0.3, y: 0.8, place: [1130, 4300] as [number, number] },
    ] as const;
    const [a, b, c, d, e, f] = affineOf([points[0], points[1], points[2]]);
    for (const { x, y, place } of points) {
      expect(a * x + c * y + e).toBeCloseTo(place[0], 6);
      expect(b * x + d * y + f).toBeCloseTo(place[1], 6);
    }
  });
});
