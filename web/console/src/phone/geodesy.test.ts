import { describe, expect, it } from "vitest";

import { bearing, distance, headingOf, toGcj02 } from "./geodesy";

const at = (latitude: number, longitude: number) => ({ latitude, longitude });

describe("distance and bearing", () => {
  it("measure a degree of latitude and, at 60° north, half a degree of longitude as the same", () => {
    expect(distance(at(0, 0), at(1, 0))).toBeCloseTo(111_195, -1);
    expect(distance(at(60, 0), at(60, 1))).toBeCloseTo(55_597, -2);
  });

  it("agree with known cities: Ningbo to Shanghai, 150 km to the north", () => {
    expect(distance(at(29.8683, 121.544), at(31.2304, 121.4737)) / 1000).toBeCloseTo(151.6, 0);
    expect(headingOf(bearing(at(29.8683, 121.544), at(31.2304, 121.4737)))).toBe("north");
  });

  it("are zero at the same place and do not depend on the direction", () => {
    expect(distance(at(29.47, 121.43), at(29.47, 121.43))).toBe(0);
    expect(distance(at(29.47, 121.43), at(29.48, 121.44))).toBeCloseTo(distance(at(29.48, 121.44), at(29.47, 121.43)), 6);
  });

  it.each([[1, 0, 0], [0, 1, 90], [-1, 0, 180], [0, -1, 270]])("north is 0°, east 90°: (%d, %d)", (north, east, degrees) => {
    expect(bearing(at(0, 0), at(north, east))).toBeCloseTo(degrees, 6);
  });

  it("cross the date line by the short way", () => {
    expect(distance(at(0, 179.9), at(0, -179.9))).toBeCloseTo(22_239, -1);
    expect(bearing(at(0, 179.9), at(0, -179.9))).toBeCloseTo(90, 3);
  });

  it.each([[0, "north"], [22, "north"], [23, "northeast"], [180, "south"], [338, "north"], [359.9, "north"], [-45, "northwest"]])("%d° is %s", (degrees, word) => {
    expect(headingOf(degrees)).toBe(word);
  });
});

describe("GCJ-02", () => {
  // Points of the published test set of eviltransform (googollee): WGS 84 and GCJ-02.
  it.each([
    [31.1774276, 121.5272106, 31.17530398364597, 121.531541859215],
    [22.543847, 113.912316, 22.540796131694766, 113.9171764808363],
    [39.911954, 116.377817, 39.91334545536069, 116.38404722455657],
  ])("agrees with the published points: %d, %d", (latitude, longitude, north, east) => {
    const shifted = toGcj02(at(latitude, longitude));
    expect(shifted.latitude).toBeCloseTo(north, 7);
    expect(shifted.longitude).toBeCloseTo(east, 7);
  });

  it("leaves points outside China alone", () => {
    expect(toGcj02(at(48.8566, 2.3522))).toEqual(at(48.8566, 2.3522));
  });
});
