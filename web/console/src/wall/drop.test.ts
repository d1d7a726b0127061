import { describe, expect, it } from "vitest";

import { CAMERA_DRAG, camerasOf, VIEW_DRAG, VILLAGE_DRAG } from "@/shell/treeRows";

import { CELL_DRAG, dropped, mayDrop } from "./drop";

/** What the browser hands over, as far as `dropped` reads it. */
const data = (type: string, value: string): DataTransfer => ({ types: [type], getData: (asked: string) => (asked === type ? value : "") }) as unknown as DataTransfer;

describe("dropped", () => {
  it("shows the camera or village", () => {
    expect(dropped(data(CAMERA_DRAG, "a"))).toEqual({ content: { show: "camera", camera: "a" } });
    expect(dropped(data(VILLAGE_DRAG, "v"))).toEqual({ content: { show: "village", village: "v" } });
  });
  it("shows the cameras of a saved view in turn", () => {
    const view = { cells: [{ camera: "a" }, { camera: null, cameras: ["b", "a"] }] };
    expect(dropped(data(VIEW_DRAG, JSON.stringify(camerasOf(view))))).toEqual({ content: { show: "tour", cameras: ["a", "b"] } });
  });
  it("takes another cell, and nothing else", () => {
    expect(dropped(data(CELL_DRAG, "3"))).toEqual({ from: 3 });
    expect([mayDrop(data("text/plain", "x")), dropped(data("text/plain", "x")), dropped(null)]).toEqual([false, null, null]);
  });
});
