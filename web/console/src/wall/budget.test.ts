import { describe, expect, it } from "vitest";

import { cellsFor, type Played, VideoBudget } from "./budget";

/** Sample 16 cells `times` times, each with 30 pictures more, of which `late` came too late. */
function play(budget: VideoBudget, times: number, late: number, cells = 16, from = 0): boolean[] {
  return Array.from({ length: times }, (_, i) => {
    const played: Played = { total: (from + i) * 30, dropped: (from + i) * late };
    return budget.sample(new Map(Array.from({ length: cells }, (__, cell) => [cell, played])));
  });
}

describe("the wall's budget", () => {
  it("lowers the number of cells with video when pictures keep being dropped", () => {
    const budget = new VideoBudget(cellsFor(8));
    expect(play(budget, 4, 15)).toEqual([false, false, false, true]);
    expect(budget.limit).toBe(12);
    budget.reset();
    expect(budget.limit).toBe(25);
  });

  it("bears a moment of it", () => {
    const budget = new VideoBudget(16);
    play(budget, 3, 15);
    play(budget, 2, 0, 16, 3);
    expect(play(budget, 2, 15, 16, 5)).toEqual([false, false]);
    expect(budget.limit).toBe(16);
  });

  it("leaves one cell and a wall without pictures alone", () => {
    expect(play(new VideoBudget(16), 9, 30, 1)).not.toContain(true);
    expect(new VideoBudget(16).sample(new Map())).toBe(false);
  });
});
