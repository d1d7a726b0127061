/** What this phone allows: without it alerts stay silent, or distances unknown. */
import { computed, ref } from "vue";

import { positionState } from "./position";

export type CheckName = "connection" | "notifications" | "position" | "sound";
export interface Check {
  name: CheckName;
  state: "good" | "bad" | "unknown";
  mayAsk: boolean;
}

const granted = ref("unknown");
const touched = ref(false);

function readNotifications(): void {
  granted.value = !("Notification" in window) ? "missing" : Notification.permission;
}

export function useChecks() {
  readNotifications();
  const refresh = (): void => {
    readNotifications();
    touched.value ||= navigator.userActivation?.hasBeenActive ?? false;
  };
  refresh();
  const checks = computed((): Check[] => [
    { name: "connection", state: window.isSecureContext ? "good" : "bad", mayAsk: false },
    { name: "notifications", state: granted.value === "granted" ? "good" : granted.value === "default" ? "unknown" : "bad", mayAsk: granted.value === "default" },
    { name: "position", state: positionState.value === "known" ? "good" : ["denied", "none"].includes(positionState.value) ? "bad" : "unknown", mayAsk: false },
    { name: "sound", state: touched.value ? "good" : "unknown", mayAsk: false },
  ]);

  async function ask(name: CheckName): Promise<void> {
    if (name === "notifications" && "Notification" in window) await Notification.requestPermission();
    refresh();
  }

  return { checks, ask, refresh };
}
