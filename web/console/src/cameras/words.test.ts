import { beforeAll, describe, expect, it } from "vitest";

import { setLanguage } from "@/shared/i18n";

import { acceptanceTold, checkDetail, FACT_GROUPS, fieldWord, findingDetail, legalClass, marksOf, valueWord } from "./words";

beforeAll(() => setLanguage("zh-CN"));

describe("words of a camera's file", () => {
  it("names every field that is shown", () => {
    for (const field of Object.values(FACT_GROUPS).flat()) expect(fieldWord(field), field).not.toBe(field);
    expect(fieldWord("device.serial")).toBe("序列号");
    expect(legalClass("7.1")).toContain("第七条");
  });

  it("tells faults and failures of a check without English", () => {
    expect(checkDetail("black, gaps")).toBe("黑屏、录像缺失");
    expect(checkDetail("no ONVIF answer: connection refused: nothing listens on that port")).toBe("摄像机没有 ONVIF 应答");
    for (const detail of ["silent", "refused", "other_make", "no_own_account: nothing", "no_packets", "auth_refused", "uplink", "waiting", "clone"]) expect(checkDetail(detail)).toMatch(/^[一-龥 、]+$/);
    expect(checkDetail("+12.5")).toBe("+12.5");
    expect(checkDetail()).toBe("");
  });

  it("shows no JSON", () => {
    const values = [["02:00:00:0c:00:00"], {}, { HTTP: [80, true], RTSP: [554] }, { main: "H264" }, null, "", true, 12.5];
    for (const value of values) expect(valueWord("device.protocols", value as never)).not.toMatch(/[[\]{}"]|null|undefined|true/);
    expect(valueWord("acceptance.places", ["guest_rooms"] as never)).toBe("客房, 包间");
    expect(valueWord("position", null)).toBe("—");
  });

  it("says what a finding is about, and leaves out what has no word", () => {
    const finding = { id: 1, kind: "moved", camera: "wj-01", address: "", village: "wangjia", opened_at: "", detail: { was: "10.0.0.1", now_at: "10.0.0.2", followed: true, why: "", odd: 3 } };
    expect(findingDetail(finding as never)).toBe("原为 10.0.0.1 · 现为 10.0.0.2");
  });

  it("says who lacks what", () => {
    expect(acceptanceTold("已验收 0 路", { "xd-03": ["streams", "sign_photo"] }, () => "桥头")).toEqual(["已验收 0 路", "桥头 (xd-03)：还缺 码流、标识照片"]);
  });

  it("writes checks in the order of their columns", () => {
    expect(marksOf({ checks: { reachable: "ok", streams: "failed" } as never }, ["reachable", "credential", "streams"])).toBe("o.x");
  });
});
