import { beforeEach, describe, expect, it } from "vitest";

import { clockOffset, learn, offsetOf, stationNow } from "./clock";

const HOUR = 3_600_000;
const header = (ms: number): string => new Date(ms).toUTCString();

describe("the station's clock", () => {
  beforeEach(() => {
    learn({ offset: 0, tolerance: 0 });
    localStorage.clear();
  });

  it("is known to the second on a phone that is an hour slow", () => {
    const station = Date.UTC(2026, 10, 21, 12, 0, 0, 300);
    const phone = station - HOUR;
    learn(offsetOf(header(station), phone - 40, phone + 40));
    expect(Math.abs(clockOffset() - HOUR)).toBeLessThanOrEqual(540);
    expect(Math.abs(stationNow() - (Date.now() + HOUR))).toBeLessThan(600);
  });

  it("is not moved by what is within the accuracy of an answer", () => {
    learn({ offset: HOUR, tolerance: 500 });
    learn({ offset: HOUR + 400, tolerance: 500 });
    expect(clockOffset()).toBe(HOUR);
    learn({ offset: HOUR + 60_000, tolerance: 500 });
    expect(clockOffset()).toBe(HOUR + 60_000);
  });

  it("is kept for a start without the station, and needs a readable header", () => {
    learn({ offset: -HOUR, tolerance: 500 });
    expect(localStorage.getItem("phone.clock")).toBe(String(-HOUR));
    expect(offsetOf(null, 0, 0)).toBeNull();
    expect(offsetOf("yesterday", 0, 0)).toBeNull();
  });
});
