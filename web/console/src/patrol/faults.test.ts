import { beforeAll, describe, expect, it } from "vitest";

import openapi from "@/api/openapi.json";
import type { FaultView } from "@/api/schema";
import { i18n, setLanguage } from "@/shared/i18n";

import { bySeverity, detailOf, filtered, grouped } from "./faults";

const fault = (id: number, given: Partial<FaultView>): FaultView => ({
  id, camera: "wj-01", camera_name: "王家村口", village: "wangjia", family: "black", chinese: "黑屏", state: "open", severity: 1, figures: {},
  first_seen: "2026-11-21T00:00:00Z", opened_at: null, closed_at: null, times: 1, verdict: null, acknowledged_by: null, order: null, has_picture: false, has_reference: false, ...given,
} as FaultView);

const FAULTS = [
  fault(3, { severity: 2, village: "xidian", camera: "xd-01", camera_name: "西店菜场", family: "blurred" }),
  fault(1, {}),
  fault(2, { village: "xidian", camera: "xd-02", camera_name: "西店车站", family: "unreachable", figures: { seconds: 1171 } }),
];

describe("faults of the patrol page", () => {
  beforeAll(() => setLanguage("zh-CN"));

  it("puts the worst and oldest first", () => {
    expect([...FAULTS].sort(bySeverity).map((f) => f.id)).toEqual([1, 2, 3]);
  });

  it("says durations as people do", () => {
    expect(detailOf(FAULTS[2]!)).toBe("20 分钟无应答");
  });

  it("filters by village, family and text", () => {
    expect(filtered(FAULTS, { village: "xidian", family: "", text: "" }).map((f) => f.id)).toEqual([3, 2]);
    expect(filtered(FAULTS, { village: "", family: "black", text: "" }).map((f) => f.id)).toEqual([1]);
    expect(filtered(FAULTS, { village: "", family: "", text: "XD-02" }).map((f) => f.id)).toEqual([2]);
  });

  it("groups, the group with the worst fault first", () => {
    const groups = grouped([...FAULTS].sort(bySeverity), "village", (code) => code);
    expect(groups.map((g) => [g.key, g.faults.map((f) => f.id)])).toEqual([["wangjia", [1]], ["xidian", [2, 3]]]);
  });
});

describe("the families of faults", () => {
  it.each(["zh-CN", "en"] as const)("have a word each in %s", async (language) => {
    await setLanguage(language);
    expect(openapi.components.schemas.FaultFamily.enum.filter((f) => !i18n.global.te(`family.${f}`))).toEqual([]);
  });
});
