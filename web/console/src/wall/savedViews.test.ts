import { describe, expect, it } from "vitest";

import openapi from "@/api/openapi.json";

import type { CellContent } from "./cells";
import { LAYOUT_NAMES } from "./layouts";
import { camerasOf } from "@/shell/treeRows";

import { fromBody, toBody, tourOf } from "./savedViews";

describe("saved views", () => {
  it("come back as they were saved", () => {
    const cells: CellContent[] = [{ show: "camera", camera: "wj-01" }, { show: "village", village: "wj" }, { show: "tour", cameras: ["a", "b"] }, { show: "alerts" }, { show: "nothing" }];
    expect(cells.map(toBody).map(fromBody)).toEqual(cells);
    expect(fromBody({ show: "camera" })).toEqual({ show: "nothing" }); // what the account may not see
  });

  it("have the layouts that the station keeps", () => {
    expect([...LAYOUT_NAMES].sort()).toEqual([...openapi.components.schemas.WallLayout.enum].sort());
  });

  it("become a tour in one cell", () => {
    expect(tourOf(camerasOf({ cells: [{ camera: "a" }, { cameras: ["b", "a"] }] }))).toEqual({ show: "tour", cameras: ["a", "b"] });
    expect(tourOf(camerasOf({ cells: [{}] }))).toEqual({ show: "nothing" });
  });
});
