/** The station's time on a phone whose own clock may be wrong: learned from the Date header of each answer. */
import { ref } from "vue";

import type { http } from "@/api/client";

const STORED = "phone.clock";
const RESOLUTION_MS = 1_000; // of the header
const offset = ref(Number(localStorage.getItem(STORED)) || 0);

/** What an answer says about the clock: the station's minus the phone's, ms, and how far off that can be. */
export function offsetOf(dateHeader: string | null, sentAt: number, receivedAt: number): { offset: number; tolerance: number } | null {
  const told = Date.parse(dateHeader ?? "");
  if (Number.isNaN(told)) return null;
  const roundTrip = Math.max(0, receivedAt - sentAt);
  return { offset: told + RESOLUTION_MS / 2 - (sentAt + roundTrip / 2), tolerance: RESOLUTION_MS / 2 + roundTrip / 2 };
}

export function learn(measured: { offset: number; tolerance: number } | null): void {
  if (!measured || Math.abs(measured.offset - offset.value) <= measured.tolerance) return; // nothing better is known
  offset.value = measured.offset;
  localStorage.setItem(STORED, String(Math.round(measured.offset)));
}

/** The station's clock minus the phone's, ms. */
export const clockOffset = (): number => offset.value;
export const stationNow = (): number => Date.now() + offset.value;

export function measureClock(client: typeof http): void {
  const sent = new WeakMap<Request, number>();
  client.use({
    onRequest: ({ request }) => void sent.set(request, Date.now()),
    onResponse: ({ request, response }) => learn(offsetOf(response.headers.get("Date"), sent.get(request) ?? Date.now(), Date.now())),
  });
}
