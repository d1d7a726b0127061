import { beforeEach, describe, expect, it } from "vitest";

import { clockTime, dateTime, dayBounds, dayOf, durationParts, setStationZone, stationInstant } from "./time";

describe("times of the station", () => {
  beforeEach(() => setStationZone("Asia/Shanghai"));

  it("shows the station's zone, not the computer's", () => {
    expect(dateTime("2026-11-21T15:31:05Z")).toBe("2026-11-21 23:31:05");
    expect(dayOf("2026-11-21T16:00:00Z")).toBe("2026-11-22");
    expect(clockTime(new Date("2026-11-21T16:00:00Z"))).toBe("00:00:00");
  });

  it("shows nothing for what is no time", () => {
    expect(dateTime(null)).toBe("—");
    expect(dateTime("garbage")).toBe("—");
    expect(Number.isNaN(stationInstant("garbage").getTime())).toBe(true);
  });

  it("finds the instant of a local time", () => {
    expect(stationInstant("2026-11-21", "20:31:05").toISOString()).toBe("2026-11-21T12:31:05.000Z");
    expect(stationInstant("2026-11-21", "20:31").toISOString()).toBe("2026-11-21T12:31:00.000Z");
  });

  it("knows that days differ in length where the clock is changed", () => {
    setStationZone("Europe/Berlin");
    const hours = (day: string): number => (dayBounds(day)[1].getTime() - dayBounds(day)[0].getTime()) / 3_600_000;
    expect([hours("2026-03-29"), hours("2026-10-25"), hours("2026-11-21")]).toEqual([23, 25, 24]);
    expect(dateTime(stationInstant("2026-03-29", "02:30:00"))).toBe("2026-03-29 03:30:00"); // that hour does not exist
  });

  it("says durations in one unit", () => {
    expect(durationParts(1171)).toEqual({ n: 20, unit: "minutes" });
    expect(durationParts(100)).toEqual({ n: 100, unit: "seconds" });
    expect(durationParts(8_000)).toEqual({ n: 2, unit: "hours" });
    expect(durationParts(200_000)).toEqual({ n: 2, unit: "days" });
  });
});
