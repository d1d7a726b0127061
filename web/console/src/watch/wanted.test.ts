import { describe, expect, it } from "vitest";

import { emptyFilter } from "@/search/filter";
import { setStationZone } from "@/shared/time";

import { dailyOf, describes, hoursOf, unwatchedChips, watchedChips, wordsOf } from "./wanted";

describe("what a subject is looked for by", () => {
  const filter = { ...emptyFilter(), cls: ["person" as const], upper: ["red" as const], villages: ["wj"], min_dwell: 60, start: "2026-11-30T00:00:00Z", nightly: "22:00-05:00" };

  it("leaves out what a single sighting cannot be judged by", () => {
    expect(wordsOf(filter)).toMatchObject({ cls: ["person"], upper: ["red"], nightly: "22:00-05:00", map_area: [] });
    expect(Object.keys(wordsOf(filter))).not.toContain("min_dwell");
    expect(watchedChips(filter).map((c) => c.kind)).toEqual(["cls", "upper", "nightly"]);
    expect(unwatchedChips(filter).map((c) => c.kind)).toEqual(["between", "dwell"]);
  });

  it("sends an area only when it is closed", () => {
    expect(wordsOf({ ...filter, map_area: [[1, 1], [2, 2]] }).map_area).toEqual([]);
    expect(wordsOf({ ...filter, map_area: [[1, 1], [2, 2], [1, 2]] }).map_area).toHaveLength(3);
  });

  it("needs more than a class", () => {
    expect(describes({ ...emptyFilter(), cls: ["person"] }, 0)).toBe(false);
    expect(describes({ ...emptyFilter(), cls: ["person"], plate: "**" }, 0)).toBe(false);
    expect(describes({ ...emptyFilter(), cls: ["person"] }, 1)).toBe(true);
    expect(describes(filter, 0)).toBe(true);
  });

  it("takes hours that cross midnight and none that are empty", () => {
    expect(hoursOf("22:00", "05:00")).toBe("22:00-05:00");
    expect(hoursOf("22:00", "22:00")).toBeNull();
    expect(hoursOf("", "05:00")).toBeNull();
  });

  it("takes the hours of one night as those of every night", () => {
    setStationZone("Asia/Shanghai");
    const night = { start: "2026-11-29T14:00:00Z", end: "2026-11-29T21:00:00Z", nightly: null };
    expect(dailyOf(night)).toEqual(["22:00", "05:00"]);
    expect(dailyOf({ ...night, nightly: "20:00-22:00" })).toEqual(["20:00", "22:00"]);
    expect(dailyOf({ ...night, end: "2026-11-30T14:00:00Z" })).toBeNull(); // a whole day
    expect(dailyOf({ ...night, end: "2026-11-28T14:00:00Z" })).toBeNull();
    expect(dailyOf({ ...night, end: null })).toBeNull();
  });
});
