/** The officer's steps: kept on the phone until the station has them. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";

import { http, request } from "@/api/client";
import type { AlertView, StepReply } from "@/api/schema";
import { useSession } from "@/shell/session";

import { clockOffset, stationNow } from "./clock";
import { position } from "./position";
import { type QueuedStep, type Step, StepQueue } from "./queue";
import { IndexedStepStore } from "./stepStore";

const RETRY_MS = 10_000;

/** Send a step. The phone's clock is told as it is now, so that the station finds the step's time whatever that clock says. */
async function send({ id, alert, step, at, place }: QueuedStep): Promise<StepReply> {
  const path = { params: { path: { alert: String(alert) } } };
  const body = {
    client_id: id, at: new Date(at - clockOffset()).toISOString(), now: new Date().toISOString(),
    place: place && { latitude: place.latitude, longitude: place.longitude, accuracy_m: place.accuracy },
  };
  if (step.kind === "ack") return request(() => http.POST("/api/alerts/{alert}/ack", { ...path, body }));
  if (step.kind === "arrive") return request(() => http.POST("/api/alerts/{alert}/arrive", { ...path, body }));
  if (step.kind === "decline") return request(() => http.POST("/api/alerts/{alert}/decline", { ...path, body: { ...body, reason: step.reason } }));
  return request(() => http.POST("/api/alerts/{alert}/answer", { ...path, body: { ...body, result: step.result, note: step.note } }));
}

export const useSteps = defineStore("phone-steps", () => {
  const session = useSession();
  const steps = shallowRef<QueuedStep[]>([]);
  const declined = ref(new Set<number>()); // alerts to which he said that he cannot come
  const clockWrong = ref(false); // so far off that the station says so
  let told: (alert: AlertView) => void = () => undefined;
  const deliver = async (step: QueuedStep): Promise<void> => {
    const { alert, clock_wrong } = await send(step);
    clockWrong.value = clock_wrong;
    told(alert); // before the step is removed: the alert must not look untaken in between
  };
  const queue = new StepQueue(new IndexedStepStore(), deliver, () => (steps.value = queue.steps));
  const waiting = computed(() => steps.value.filter((s) => s.refusal === null));
  const refused = computed(() => steps.value.filter((s) => s.refusal !== null));

  /** Keep a step and send it. It counts at once; what the station says about it comes when it can be reached. */
  async function take(alert: AlertView, step: Step): Promise<void> {
    if (step.kind === "decline") declined.value = new Set(declined.value).add(alert.id);
    await queue.add({ account: session.me!.name, alert: alert.id, title: alert.title, step, at: stationNow(), place: position.value });
    void flush();
  }

  /** Send what waits. One page at a time where several are open. */
  async function flush(): Promise<void> {
    const account = session.me?.name;
    if (!account || !waiting.value.length) return;
    if (navigator.locks) await navigator.locks.request("minwang-steps", () => queue.flush(account));
    else await queue.flush(account);
  }

  async function start(): Promise<void> {
    await queue.load();
    window.addEventListener("online", () => void flush());
    setInterval(() => void flush(), RETRY_MS);
    await flush();
  }

  /** Who hears what the station made of a step. */
  const onTold = (listener: (alert: AlertView) => void): void => void (told = listener);

  return { steps, waiting, refused, declined, clockWrong, onTold, take, flush, start, dismiss: (id: string) => queue.dismiss(id) };
});
