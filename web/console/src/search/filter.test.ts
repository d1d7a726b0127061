import { beforeEach, describe, expect, it } from "vitest";

import type { Filter } from "@/api/schema";
import { setStationZone } from "@/shared/time";

import { asked, chipsOf, emptyFilter, merged, rangeOf, readFilter, without, writeFilter } from "./filter";
import { barsOf, brushed } from "./histogram";

beforeEach(() => setStationZone("Asia/Shanghai"));

describe("the filter in the address", () => {
  it("is restored, and short", () => {
    const filter: Filter = { ...emptyFilter(), cls: ["person"], upper: ["red"], start: "2026-11-21T10:00:00Z" };
    expect(readFilter(writeFilter(filter))).toEqual(filter);
    expect(writeFilter(emptyFilter())).toBe("");
  });

  it("bears changed addresses", () => {
    for (const text of ["garbage", "[]", "null", '{"cls":"person","nothing":1,"min_dwell":"x"}']) expect(readFilter(text)).toEqual(emptyFilter());
  });
});

describe("chips", () => {
  it("stand for everything that is asked, and take it back", () => {
    let filter: Filter = { ...emptyFilter(), cls: ["person"], upper: ["red", "blue"], start: "2026-11-21T10:00:00Z", nightly: "22:00-05:00", min_dwell: 60, plate: "浙J" };
    expect(chipsOf(filter).map((c) => c.kind)).toEqual(["cls", "upper", "upper", "between", "nightly", "dwell", "plate"]);
    for (const chip of chipsOf(filter)) filter = without(filter, chip);
    expect(filter).toEqual(emptyFilter());
  });
});

describe("new words", () => {
  const chosen: Filter = { ...emptyFilter(), start: "a", end: "b", cameras: ["wj-01"], cls: ["dog"] };

  it("keep what was chosen by hand", () => {
    expect(merged(chosen, null, { ...emptyFilter(), cls: ["person"] })).toEqual({ ...chosen, cls: ["person"] });
    expect(merged(chosen, null, { ...emptyFilter(), start: "c" })).toMatchObject({ start: "c", end: null, cls: [] });
  });

  it("replace what earlier words said", () => {
    const before: Filter = { ...emptyFilter(), villages: ["wangjia"] };
    expect(merged(before, before, emptyFilter()).villages).toEqual([]);
  });
});

it("leaves out areas that were only begun", () => {
  expect(asked({ ...emptyFilter(), area: [[0, 0], [1, 1]], nightly: "22:00-" })).toEqual(emptyFilter());
});

describe("ranges", () => {
  const now = new Date("2026-11-21T12:30:00Z"); // 20:30 in the station
  const iso = (name: Parameters<typeof rangeOf>[0], at = now, since: string | null = null) => rangeOf(name, at, since)?.map((d) => d.toISOString());

  it("follow the station's days", () => {
    expect(iso("hour")).toEqual(["2026-11-21T11:30:00.000Z", "2026-11-21T12:30:00.000Z"]);
    expect(iso("today")).toEqual(["2026-11-20T16:00:00.000Z", "2026-11-21T12:30:00.000Z"]);
    expect(iso("yesterday")).toEqual(["2026-11-19T16:00:00.000Z", "2026-11-20T16:00:00.000Z"]);
    expect(iso("night")).toEqual(["2026-11-20T10:00:00.000Z", "2026-11-20T22:00:00.000Z"]);
    expect(iso("shift")).toBeUndefined();
    expect(iso("shift", now, "2026-11-21T00:00:00Z")?.[0]).toBe("2026-11-21T00:00:00.000Z");
  });

  it("end the night now while it lasts", () => {
    expect(iso("night", new Date("2026-11-20T19:00:00Z"))).toEqual(["2026-11-20T10:00:00.000Z", "2026-11-20T19:00:00.000Z"]);
  });
});

describe("the histogram", () => {
  const bars = () => barsOf({ "2026-11-21T20:00": 3, "2026-11-21T23:00": 1 });

  it("has a true axis of time", () => {
    expect(bars().map((b) => b.count)).toEqual([3, 0, 0, 1]);
    expect(new Date(bars()[0]!.start).toISOString()).toBe("2026-11-21T12:00:00.000Z");
    expect(barsOf({ "2026-11-20": 1, "2026-11-22": 2 }).map((b) => b.count)).toEqual([1, 0, 2]);
  });

  it("gives the range that is brushed", () => {
    expect(brushed(bars(), 0.6, 0.3)).toEqual([bars()[1]!.start, bars()[2]!.end]);
    expect(brushed([], 0, 1)).toBeNull();
  });
});
