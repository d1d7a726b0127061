import { describe, expect, it } from "vitest";

import { DigitReader } from "./useWallKeys";

describe("typed cell numbers", () => {
  it("are one digit, or two in a row", () => {
    const digits = new DigitReader();
    expect(digits.read("1", 0, 16)).toBe(0);
    expect(digits.read("2", 300, 16)).toBe(11);
    expect(digits.read("2", 2_000, 16)).toBe(1);
    expect(digits.read("0", 2_300, 25)).toBe(19);
  });

  it("do not run together where there are fewer cells", () => {
    const digits = new DigitReader();
    expect(digits.read("1", 0, 9)).toBe(0);
    expect(digits.read("2", 100, 9)).toBe(1);
    expect(digits.read("0", 5_000, 9)).toBe(-1);
    expect(digits.read("7", 5_100, 9)).toBe(6);
    expect(digits.read("9", 9_000, 4)).toBe(-1);
  });
});
