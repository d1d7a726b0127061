import { expect, it } from "vitest";

import { amapAddress, appleAddress, geoAddress, isApple } from "./mapApps";

const place = { latitude: 31.1774276, longitude: 121.5272106 };

it("passes WGS 84 to geo: and GCJ-02 to AMap and Apple's maps", () => {
  expect(geoAddress(place, "王家村口")).toBe("geo:31.177428,121.527211?q=31.177428,121.527211(%E7%8E%8B%E5%AE%B6%E6%9D%91%E5%8F%A3)");
  expect(amapAddress(place, "a&b", false)).toBe("androidamap://viewMap?sourceApplication=minwang&poiname=a%26b&lat=31.175304&lon=121.531542&dev=0");
  expect(amapAddress(place, "x", true)).toMatch(/^iosamap:.*lat=31.175304/);
  expect(appleAddress(place, "x")).toBe("maps://?ll=31.175304,121.531542&q=x");
});

it("knows Apple's phones", () => {
  expect(isApple("Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X)")).toBe(true);
  expect(isApple("Mozilla/5.0 (Linux; Android 14; HUAWEI)")).toBe(false);
});
