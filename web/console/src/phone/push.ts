/** Web Push: the browser's push service rings this phone while the page is closed. Beside the other channels, never instead. */
import { ref } from "vue";

import { http, request } from "@/api/client";

const SUBSCRIBE_MS = 8_000; // without its push service a browser never answers

export type PushCheck = "none" | "off" | "on" | "unreachable";
/** none: the station has no Web Push, or this browser has none. */
export const push = ref<PushCheck>("none");
let key: string | null = null;

const manager = async (): Promise<PushManager | undefined> => (await navigator.serviceWorker?.getRegistration("/m/"))?.pushManager;

export async function loadPush(): Promise<void> {
  const state = await request(() => http.GET("/api/push")).catch(() => null);
  if (!state?.public_key || !(await manager())) return;
  key = state.public_key;
  push.value = state.subscribed ? "on" : "off";
}

export async function subscribePush(): Promise<void> {
  const late = new Promise<never>((_, fail) => setTimeout(() => fail(new Error("late")), SUBSCRIBE_MS));
  try {
    const asked = (await manager())!.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const { endpoint, keys } = (await Promise.race([asked, late])).toJSON();
    const body = { endpoint: endpoint!, p256dh: keys!.p256dh!, auth: keys!.auth! };
    push.value = (await request(() => http.POST("/api/push", { body }))).subscribed ? "on" : "off";
  } catch {
    push.value = "unreachable"; // no internet, or no push service in this browser
  }
}

export async function endPush(): Promise<void> {
  await request(() => http.POST("/api/push/end"));
  await (await (await manager())?.getSubscription())?.unsubscribe();
  push.value = "off";
}
