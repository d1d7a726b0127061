import { mount } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Lane } from "./lane";
import { usePlayback, type Playback } from "./usePlayback";

const NOW = Date.parse("2026-11-30T12:00:00Z");
const MINUTE = 60_000;
const FOOTAGE = NOW - 10 * MINUTE;

/** A lane of a camera that has footage from FOOTAGE on. */
function lane(): { load: ReturnType<typeof vi.fn>; asLane: Lane } {
  let loaded = [0, 0];
  const load = vi.fn((_stream: string, from: number, until: number) => (loaded = [from, until]));
  const fake = {
    load, ready: true, state: "gap",
    next: (): number | undefined => (FOOTAGE < loaded[1]! ? FOOTAGE : undefined),
    follow: (moment: number): void => void (fake.state = moment >= FOOTAGE ? "playing" : "gap"),
    stop: (): void => undefined,
  };
  return { load, asLane: fake as unknown as Lane };
}

function made(): Playback {
  let playback: Playback | undefined;
  mount({ setup: () => void (playback = usePlayback()), render: () => null });
  return playback!;
}

describe("usePlayback", () => {
  beforeEach(() => void vi.useFakeTimers({ now: NOW }));
  afterEach(() => void vi.useRealTimers());

  it("skips a gap that is longer than what is loaded at a time", () => {
    const playback = made();
    const { load, asLane } = lane();
    playback.lanes.set("a/main", asLane);
    playback.seek(NOW - 100 * MINUTE);
    expect(load).toHaveBeenCalledTimes(1);
    playback.toggle();
    vi.advanceTimersByTime(2_000);
    expect(playback.at.value).toBeGreaterThanOrEqual(FOOTAGE);
    expect(playback.at.value).toBeLessThan(FOOTAGE + MINUTE);
  });

  it("ends at the present where nothing follows", () => {
    const playback = made();
    const { asLane } = lane();
    asLane.next = () => undefined;
    asLane.follow = () => undefined;
    playback.lanes.set("a/main", asLane);
    playback.seek(NOW - 45 * MINUTE);
    playback.toggle();
    vi.advanceTimersByTime(2_000);
    expect(playback.playing.value).toBe(false);
    expect(playback.at.value).toBeGreaterThan(NOW - MINUTE);
  });
});
