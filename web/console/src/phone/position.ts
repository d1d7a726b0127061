/** Where the phone is, while a page wants to know; it stays on the phone unless a step of an alert carries it. */
import { onScopeDispose, ref } from "vue";

import type { Place } from "./queue";

const OLD_MS = 2 * 60_000;

export const position = ref<Place | null>(null);
/** asking: no answer yet; denied: the officer or the phone does not allow it; none: no satellites, or no such device. */
export const positionState = ref<"off" | "asking" | "known" | "denied" | "none">("off");
let watchId: number | null = null;
let users = 0;
let fixedAt = 0;

function start(): void {
  if (!("geolocation" in navigator)) return void (positionState.value = "none");
  positionState.value = "asking";
  watchId = navigator.geolocation.watchPosition(
    ({ coords }) => {
      fixedAt = performance.now();
      position.value = { latitude: coords.latitude, longitude: coords.longitude, accuracy: coords.accuracy };
      positionState.value = "known";
    },
    ({ code }) => {
      if (code === GeolocationPositionError.PERMISSION_DENIED) {
        position.value = null;
        positionState.value = "denied";
      } else if (performance.now() - fixedAt > OLD_MS) {
        position.value = null; // an old position is no position
        positionState.value = "none";
      }
    },
    { enableHighAccuracy: true, maximumAge: 10_000, timeout: 30_000 },
  );
}

/** Follow the position until the returned function is called. */
export function followPosition(): () => void {
  users += 1;
  if (watchId === null) start();
  return () => {
    users -= 1;
    if (users > 0 || watchId === null) return;
    navigator.geolocation.clearWatch(watchId);
    watchId = null;
    positionState.value = "off";
    position.value = null;
  };
}

/** Follow the position while the component lives. */
export const usePosition = (): void => onScopeDispose(followPosition());
