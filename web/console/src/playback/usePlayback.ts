/** Several lanes on one clock: loads them piece by piece, holds the clock while one has no pictures yet, skips what nobody recorded. */
import { onUnmounted, ref, shallowReactive, type Ref } from "vue";

import { http, request } from "@/api/client";
import { watching } from "@/shared/watching";
import { Lane } from "./lane";
import { MasterClock } from "./masterClock";
import { feedOf, needsReload } from "./speeds";

const FOLLOW_MS = 100;
const CHUNK_MS = 30 * 60_000;
const FAST_CHUNK_MS = 3 * 3_600_000; // keyframes alone are small; a time-lapse loads by itself
const PATIENCE_MS = 4000; // for a lane that does not get its pictures
const LIVE_EDGE_MS = 3000; // what is younger is not in the files yet

export interface Playback {
  at: Ref<number | null>;
  playing: Ref<boolean>;
  speed: Ref<number>;
  lanes: Map<string, Lane>;
  attach(stream: string, video: HTMLVideoElement, changed: () => void): Lane;
  detach(stream: string): void;
  seek(moment: number): void;
  toggle(): void;
  step(milliseconds: number): void;
  setSpeed(speed: number): void;
  reload(): void;
  stop(): void;
}

export function usePlayback(): Playback {
  const clock = new MasterClock();
  const lanes = shallowReactive(new Map<string, Lane>());
  const at = ref<number | null>(null);
  const playing = ref(false);
  const speed = ref(1);
  let from = 0;
  let until = 0; // of what is loaded
  let heldSince = 0;
  let ended = (): void => undefined; // of the watching

  function loadAll(moment: number): void {
    const length = { all: CHUNK_MS, keyframes: FAST_CHUNK_MS, lapse: Infinity }[feedOf(speed.value)];
    from = moment;
    until = Math.min(moment + length, Date.now());
    for (const [stream, lane] of lanes) lane.load(stream, from, until, speed.value);
  }

  function seek(moment: number): void {
    const wanted = Math.min(moment, Date.now() - LIVE_EDGE_MS);
    clock.set(wanted);
    at.value = wanted;
    if (wanted < from || wanted >= until) loadAll(wanted);
  }

  /** The clock runs while every lane has its pictures; one that stays without them does not hold the others for ever. */
  function hold(): boolean {
    const waiting = [...lanes.values()].some((lane) => !lane.ready);
    if (!waiting) heldSince = 0;
    else if (heldSince === 0) heldSince = performance.now();
    return waiting && performance.now() - heldSince < PATIENCE_MS;
  }

  /** Where nobody has a picture, go on to the first moment at which somebody has, or to the end of what is loaded. */
  function skipGaps(moment: number): number {
    if ([...lanes.values()].some((lane) => lane.state !== "gap")) return moment;
    const next = Math.min(...[...lanes.values()].map((lane) => lane.next(moment) ?? Infinity));
    return Math.max(moment, Number.isFinite(next) ? next : until);
  }

  /** Nothing is left to play: stop at the newest picture. A time-lapse is over then, as its next picture would take minutes. */
  function endAtPresent(): number {
    pause();
    const edge = Date.now() - LIVE_EDGE_MS;
    clock.set(edge);
    if (feedOf(speed.value) === "lapse") {
      speed.value = clock.speed = 1;
      loadAll(edge);
    }
    return edge;
  }

  function follow(): void {
    if (at.value === null || lanes.size === 0) return;
    if (playing.value && clock.playing === hold()) {
      if (clock.playing) clock.pause();
      else clock.play();
    }
    let moment = clock.now;
    if (playing.value) {
      const skipped = skipGaps(moment);
      if (skipped !== moment) clock.set((moment = skipped));
      if (moment > Date.now() - LIVE_EDGE_MS) moment = endAtPresent();
      if (moment >= until) loadAll(moment);
    }
    at.value = moment;
    for (const lane of lanes.values()) lane.follow(moment, speed.value, clock.playing);
  }

  function play(): void {
    ended();
    ended = watching(pause);
    playing.value = true;
    // What was refused, because nobody watched or for want of a purpose, is asked for again once the station knows of the input.
    if ([...lanes.values()].some((lane) => lane.state === "refused")) void request(() => http.GET("/api/me")).then(() => loadAll(clock.now), () => undefined);
    clock.play();
  }

  function pause(): void {
    ended();
    playing.value = false;
    clock.pause();
  }

  const timer = setInterval(follow, FOLLOW_MS);
  onUnmounted(() => {
    clearInterval(timer);
    ended();
    for (const lane of lanes.values()) lane.stop();
  });

  return {
    at, playing, speed, lanes, seek,
    attach(stream, video, changed) {
      const lane = new Lane(video, changed);
      lanes.set(stream, lane);
      if (at.value !== null) lane.load(stream, from, until, speed.value);
      return lane;
    },
    detach(stream) {
      lanes.get(stream)?.stop();
      lanes.delete(stream);
    },
    toggle: () => (playing.value ? pause() : play()),
    step(milliseconds) {
      pause();
      seek(clock.now + milliseconds);
    },
    setSpeed(wanted) {
      const before = speed.value;
      speed.value = clock.speed = wanted;
      if (needsReload(before, wanted) && at.value !== null) loadAll(clock.now);
    },
    reload() {
      if (at.value !== null) loadAll(clock.now);
    },
    stop() {
      pause();
      at.value = null;
      from = until = 0;
      for (const lane of lanes.values()) lane.stop();
    },
  };
}
