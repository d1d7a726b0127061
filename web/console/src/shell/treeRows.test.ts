import { beforeAll, describe, expect, it } from "vitest";

import type { TreeCamera, TreeVillage } from "@/api/schema";
import { loadPinyin } from "@/shared/pinyin";

import { rowsOf } from "./treeRows";

const camera = (id: string, name: string): TreeCamera => ({ id, name, village: id.slice(0, 2), state: "ok", faults: [], kind: "fixed", number: "", position: null, sub: true });
const village = (code: string, name: string, cameras: TreeCamera[]): TreeVillage => ({ code, name, cameras, state: "ok", counts: { ok: cameras.length }, recorded: cameras.length, online: cameras.length, total: cameras.length });
const TOWN = [
  village("wj", "王家村", [camera("wj-01", "王家村头"), camera("wj-02", "晒谷场")]),
  village("xd", "西店村", [camera("xd-01", "西店路口")]),
];
const keys = (filter: string, closed: string[] = []): string[] => rowsOf(TOWN, new Set(closed), filter).map((r) => r.key);

describe("rows of the resource tree", () => {
  beforeAll(loadPinyin);

  it("lists villages and the cameras of those that are open", () => {
    expect(keys("", ["wj"])).toEqual(["v-wj", "v-xd", "xd-01"]);
  });

  it("finds by part of a name, by number and by pinyin initials", () => {
    expect(keys("谷")).toEqual(["v-wj", "wj-02"]);
    expect(keys("xd-01")).toEqual(["v-xd", "xd-01"]);
    expect(keys("wjct")).toEqual(["v-wj", "wj-01"]);
  });

  it("shows all cameras of a village that fits, also where it was closed", () => {
    expect(keys("王家", ["wj"])).toEqual(["v-wj", "wj-01", "wj-02"]);
    expect(keys("zzz")).toEqual([]);
  });

  it("has one's favourites and the saved views on top, and finds views by name", () => {
    const view = { id: 4, name: "夜班", layout: "1+5" as const, cells: [], owner: "a", shared: true, mine: false, changed_at: "" };
    const top = { favourites: [TOWN[1]!.cameras[0]!], views: [view] };
    const all = (filter: string, closed: string[] = []): string[] => rowsOf(TOWN, new Set(["wj", "xd", ...closed]), filter, top).map((r) => r.key);
    expect(all("")).toEqual([":favourites", "favourite-xd-01", ":views", "view-4", "v-wj", "v-xd"]);
    expect(all("", [":favourites"])).toEqual([":favourites", ":views", "view-4", "v-wj", "v-xd"]);
    expect(all("xd-01")).toEqual(["v-xd", "xd-01"]);
    expect(all("yb")).toEqual([":views", "view-4"]);
  });
});
