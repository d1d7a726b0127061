/** A cell's live video: the stream of a camera for as long as it is wanted, and the words for what goes wrong. */
import { computed, onScopeDispose, type Ref, shallowRef, watch } from "vue";

import { useEventStore } from "@/shell/events";
import { watching } from "@/shared/watching";

import type { Played } from "./budget";
import type { Announcement, StreamKind } from "./livePlayer";
import { type LiveState, LiveStream } from "./liveStream";

export interface LiveStatus {
  state: LiveState;
  facts: Announcement | null;
  problem: unknown;
  retryAt: number;
  kind: StreamKind;
}

const OFF: LiveStatus = { state: "off", facts: null, problem: null, retryAt: 0, kind: "sub" };

export function useLive(video: Ref<HTMLVideoElement | null>, camera: () => string, kind: () => StreamKind, wanted: () => boolean) {
  const status = shallowRef<LiveStatus>(OFF);
  let stream: LiveStream | null = null;
  let ended = (): void => undefined;

  function tell(): void {
    if (stream) status.value = { state: stream.state, facts: stream.facts, problem: stream.problem, retryAt: stream.retryAt, kind: stream.kind };
  }

  function apply(): void {
    if (!video.value) return;
    stream ??= new LiveStream(video.value, tell);
    const on = wanted() && camera() !== "";
    stream.show(on ? { camera: camera(), kind: kind() } : null);
    ended();
    ended = on ? watching(() => stream?.rest()) : () => undefined;
  }

  // Each by a getter of its own, so that only another value opens another socket.
  watch([video, camera, kind, wanted], apply, { flush: "post", immediate: true });

  /** The station is there again: what waits need not wait any longer. */
  const again = (): void => {
    if (status.value.state === "waiting") stream?.resume();
  };
  const events = useEventStore();
  events.returned.add(again);

  onScopeDispose(() => {
    events.returned.delete(again);
    ended();
    stream?.stop();
  });

  /** Pictures up to now; null while no video plays. */
  function played(): Played | null {
    if (!video.value || status.value.state !== "playing") return null;
    const { totalVideoFrames: total, droppedVideoFrames: dropped } = video.value.getVideoPlaybackQuality();
    return { total, dropped };
  }

  /** When the picture that is shown was recorded, ms; now, if the station does not say. */
  function shownAt(): number {
    const facts = status.value.facts;
    return facts?.wall && video.value ? (facts.wall + video.value.currentTime - facts.start) * 1000 : Date.now();
  }

  const resume = (): void => stream?.resume();
  return { status, playing: computed(() => status.value.state === "playing"), resume, played, shownAt };
}
