/** Sound and vibration of alerts that nobody has taken, until somebody does. */
import { onScopeDispose, watch } from "vue";

import { ring } from "@/shell/sound";

const EVERY_MS = 2_000;
const VIBRATION_MS = [600, 200, 600];

let sounding = false; // the browser holds sound back until the first touch: one waits, not many

export function soundOnce(): void {
  navigator.vibrate?.(VIBRATION_MS);
  if (sounding) return;
  sounding = true;
  void ring().catch(() => undefined).finally(() => (sounding = false));
}

/** Sound while `wanted`, at once and then every two seconds. */
export function useAlarm(wanted: () => boolean): void {
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = (): void => {
    clearInterval(timer);
    navigator.vibrate?.(0);
  };
  watch(wanted, (on) => {
    stop();
    if (!on) return;
    soundOnce();
    timer = setInterval(soundOnce, EVERY_MS);
  }, { immediate: true });
  onScopeDispose(stop);
}

/** Tell of an alert while the page is in the background. The text names nothing but that there is one. */
export async function notify(text: string, alert: number): Promise<void> {
  if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
  const worker = await navigator.serviceWorker?.getRegistration("/m/");
  await worker?.showNotification(text, { tag: `alert-${alert}`, requireInteraction: true, data: `/m/alerts/${alert}` });
}
