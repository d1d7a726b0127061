import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { PtzHold } from "./ptzHold";

const RIGHT = { pan: 0.5, tilt: 0, zoom: 0 };

describe("a held button of the PTZ pad", () => {
  let told: string[];
  let refused: unknown;
  let hold: PtzHold;
  const failed = vi.fn();

  beforeEach(() => {
    vi.useFakeTimers();
    told = [];
    refused = null;
    failed.mockClear();
    hold = new PtzHold(
      (camera) => (told.push(`${camera} move`), refused ? Promise.reject(refused) : Promise.resolve()),
      (camera) => (told.push(`${camera} stop`), Promise.resolve()),
      failed,
    );
  });
  afterEach(() => vi.useRealTimers());

  it("repeats the move and stops the camera that it moved", async () => {
    hold.press("yj-01", RIGHT);
    await vi.advanceTimersByTimeAsync(1_500);
    hold.release();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(told).toEqual(["yj-01 move", "yj-01 move", "yj-01 move", "yj-01 stop"]);
  });

  it("stops once", () => {
    hold.release();
    hold.press("yj-01", RIGHT);
    hold.release();
    hold.release(); // the pointer leaves the button after it was let go
    expect(told).toEqual(["yj-01 move", "yj-01 stop"]);
  });

  it("ends when the station refuses, without a word to the camera", async () => {
    refused = new Error("another person controls this camera");
    hold.press("yj-01", RIGHT);
    await vi.advanceTimersByTimeAsync(5_000);
    hold.release();
    expect(told).toEqual(["yj-01 move"]);
    expect(failed).toHaveBeenCalledWith(refused);
  });
});
