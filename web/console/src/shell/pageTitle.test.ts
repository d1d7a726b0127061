import { describe, expect, it } from "vitest";

import { titleOf } from "./pageTitle";

describe("titleOf", () => {
  it("names the page, also for an address below it", () => {
    expect(titleOf("/cameras/wj-01", 0)).toBe(titleOf("/cameras", 0));
    expect(titleOf("/cameras", 0)).not.toBe(titleOf("/wall", 0));
  });
  it("counts alerts that wait", () => expect(titleOf("/wall", 3)).toBe(`(3) ${titleOf("/wall", 0)}`));
  it("names the product alone for an unknown address", () => expect(titleOf("/camerasx", 0)).toBe(titleOf("/", 0)));
});
