import { describe, expect, it } from "vitest";

import { type CellContent, nextEmpty, NOTHING, readCell, readCells, swapped, withCell, writeCells } from "./cells";
import { LAYOUT_NAMES, LAYOUTS, layoutFor, layoutNamed } from "./layouts";

const camera = (id: string): CellContent => ({ show: "camera", camera: id });

describe("cells in the address", () => {
  it("come back as they were written", () => {
    const cells: CellContent[] = [camera("wj-01"), NOTHING, { show: "village", village: "xd" }, { show: "tour", cameras: ["a-1", "a-2"] }, { show: "alerts" }];
    expect(readCells(writeCells(cells))).toEqual(cells);
    expect(writeCells([camera("wj-01"), NOTHING, NOTHING])).toBe("wj-01");
    expect(readCells("")).toEqual([]);
  });

  it("are empty where people wrote nonsense", () => {
    for (const text of ["<b>", "village:", "tour:~~", "other:wj", "a b", "village:a/b"]) expect(readCell(text)).toEqual(NOTHING);
    expect(readCells("x,".repeat(60)).length).toBe(25);
  });

  it("are replaced, swapped and looked for", () => {
    expect(withCell([], 2, camera("c"))).toEqual([NOTHING, NOTHING, camera("c")]);
    expect(swapped([camera("a")], 0, 3)).toEqual([NOTHING, NOTHING, NOTHING, camera("a")]);
    expect(nextEmpty([camera("a"), camera("b")], 4, 0)).toBe(2);
    expect(nextEmpty([camera("a"), NOTHING], 2, 1)).toBe(1);
    expect(nextEmpty([camera("a")], 1, 0)).toBe(-1);
  });
});

describe("layouts", () => {
  it("fill their grids", () => {
    for (const name of LAYOUT_NAMES) {
      const { columns, rows, cells, first } = LAYOUTS[name];
      expect(columns * rows).toBe(cells - 1 + first * first);
    }
    expect([layoutNamed("1+7"), layoutNamed("7"), layoutNamed(undefined)]).toEqual(["1+7", "4", "4"]);
    expect([layoutFor(1), layoutFor(5), layoutFor(17)]).toEqual(["1", "6", "25"]);
  });
});
