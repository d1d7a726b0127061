import { describe, expect, it } from "vitest";

import { endedEarly, nextIn, pieceAfter, placeIn } from "./lapseTimes";
import { feedOf, needsReload } from "./speeds";

const SPANS = [[0, 4], [6, 8]] as const;

describe("a time-lapse", () => {
  it("tells what nobody recorded from what is not loaded yet", () => {
    expect(placeIn(SPANS, 3, 10)).toEqual({ position: 3 });
    expect(placeIn(SPANS, 5, 10)).toBe("gap");
    expect(placeIn(SPANS, 9, 10)).toBe("gap");
    expect(placeIn(SPANS, 10, 10)).toBe("loading");
    expect(placeIn([], 0, 0)).toBe("loading");
  });

  it("shows the last picture at the end of a span, not the nothing behind it", () => {
    expect(placeIn(SPANS, 4.01, 10)).toEqual({ position: 3.999 });
  });

  it("goes on where pictures begin again, or where nothing is known yet", () => {
    expect(nextIn(SPANS, 5, 10)).toBe(6);
    expect(nextIn(SPANS, 9, 10)).toBe(10);
    expect(nextIn(SPANS, 7, 10)).toBeUndefined();
    expect(nextIn(SPANS, 10, 10)).toBeUndefined();
  });

  it("loads a short piece first, then longer ones before they are needed, never beyond the end", () => {
    expect(pieceAfter(0, 0, 100)).toEqual([0, 8]);
    expect(pieceAfter(8, 0, 100)).toEqual([8, 38]);
    expect(pieceAfter(38, 10, 100)).toBeNull();
    expect(pieceAfter(38, 24, 45)).toEqual([38, 45]);
    expect(pieceAfter(45, 44, 45)).toBeNull();
  });

  it("goes on where footage in another codec begins, never before it", () => {
    const box = (size: number, type: string, us: number): number[] => [0, 0, 0, size, ...[...type].map((c) => c.charCodeAt(0)), 0, 0, 0, 0, ...[24, 16, 8, 0].map((by) => (us >>> by) & 255)];
    expect(endedEarly(new Uint8Array([9, 9, ...box(16, "free", 12_000_001)]))).toBe(12_001);
    expect(endedEarly(new Uint8Array(box(16, "mdat", 12_000_000)))).toBeNull();
    expect(endedEarly(new Uint8Array([1, 2, 3]))).toBeNull();
  });

  it("is made for one speed", () => {
    expect([1, 4, 8, 16, 60, 600].map(feedOf)).toEqual(["all", "all", "keyframes", "keyframes", "lapse", "lapse"]);
    expect(needsReload(60, 120)).toBe(true);
    expect(needsReload(8, 16)).toBe(false);
    expect(needsReload(16, 60)).toBe(true);
  });
});
