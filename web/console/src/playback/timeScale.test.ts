import { beforeEach, describe, expect, it } from "vitest";

import { setStationZone } from "@/shared/time";

import { around, following, lengthOf, LONGEST_MS, marks, SHORTEST_MS, zoomed } from "./timeScale";

const DAY: [number, number] = [Date.parse("2026-11-20T16:00:00Z"), Date.parse("2026-11-21T16:00:00Z")];

describe("scale of the time line", () => {
  beforeEach(() => setStationZone("Asia/Shanghai"));

  it("marks round hours of the station", () => {
    const found = marks(DAY, 13);
    expect(found).toHaveLength(13);
    expect(new Date(found[1]!.at).toISOString()).toBe("2026-11-20T18:00:00.000Z"); // 02:00 in Shanghai
  });

  it("has no more marks than fit, at any length", () => {
    for (let length = SHORTEST_MS; length <= LONGEST_MS; length *= 1.37) {
      expect(marks([DAY[0], DAY[0] + length], 12).length).toBeLessThanOrEqual(13);
    }
  });

  it("zooms about the pointer between a minute and a day", () => {
    const centre = DAY[0] + 6 * 3_600_000;
    let range = zoomed(DAY, centre, 0.5);
    expect((centre - range[0]) / lengthOf(range)).toBeCloseTo(0.25);
    for (let i = 0; i < 40; i++) range = zoomed(range, centre, 0.5);
    expect(lengthOf(range)).toBe(SHORTEST_MS);
    for (let i = 0; i < 40; i++) range = zoomed(range, centre, 2);
    expect(lengthOf(range)).toBe(LONGEST_MS);
  });

  it("shows the past rather than the future", () => {
    const now = DAY[1];
    expect(around(now, 3_600_000, now)[1]).toBeLessThanOrEqual(now + 400_000);
    expect(around(DAY[0], 3_600_000, now)).toEqual([DAY[0] - 1_800_000, DAY[0] + 1_800_000]);
  });

  it("turns the page when playback leaves it", () => {
    expect(following(DAY, DAY[0] + 5)).toBe(DAY);
    const turned = following(DAY, DAY[1] + 1);
    expect(turned[0]).toBeLessThan(DAY[1] + 1);
    expect(lengthOf(turned)).toBe(lengthOf(DAY));
  });
});
