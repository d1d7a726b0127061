/** The speeds of playback, and what a lane is fed with at each of them. */

/** From the slowest to the fastest; at those of a time-lapse a picture is a keyframe every tenth of a second. */
export const PLAY_SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16] as const;
export const LAPSE_SPEEDS = [60, 120, 300, 600] as const;
export const SPEEDS: readonly number[] = [...PLAY_SPEEDS, ...LAPSE_SPEEDS];
const KEYFRAMES_ABOVE = 4;

/** all: every picture; keyframes: these alone, from the same files; lapse: a time-lapse that the station makes. */
export type Feed = "all" | "keyframes" | "lapse";

export function feedOf(speed: number): Feed {
  if (speed >= LAPSE_SPEEDS[0]) return "lapse";
  return speed > KEYFRAMES_ABOVE ? "keyframes" : "all";
}

/** Whether a lane must be loaded again when the speed changes: each time-lapse is made for one speed. */
export function needsReload(before: number, after: number): boolean {
  return feedOf(before) !== feedOf(after) || (feedOf(after) === "lapse" && before !== after);
}
