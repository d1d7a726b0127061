import { describe, expect, it } from "vitest";

import { ApiError, UNREACHABLE } from "@/api/errors";

import { isTemporary, newId, type QueuedStep, StepQueue, type StepStore } from "./queue";

class MemoryStore implements StepStore {
  kept = new Map<string, QueuedStep>();
  all = (): Promise<QueuedStep[]> => Promise.resolve([...this.kept.values()].reverse());
  put = (step: QueuedStep): Promise<void> => Promise.resolve(void this.kept.set(step.id, step));
  remove = (id: string): Promise<void> => Promise.resolve(void this.kept.delete(id));
}

/** A station that applies each id once, and can be away or lose its answers. */
class Station {
  applied: string[] = [];
  received: string[] = [];
  fails: (() => ApiError | null)[] = [];
  losesAnswer = false;
  send = (step: QueuedStep): Promise<void> => {
    const problem = this.fails.shift()?.() ?? null;
    if (problem) return Promise.reject(problem);
    this.received.push(step.step.kind);
    if (!this.applied.includes(step.id)) this.applied.push(step.id);
    if (!this.losesAnswer) return Promise.resolve();
    this.losesAnswer = false;
    return Promise.reject(away());
  };
}

const away = (): ApiError => new ApiError(0, UNREACHABLE, "away");
const taken = (): ApiError => new ApiError(409, "alert_taken", "taken by li", { account: "li" });
const step = (kind: "ack" | "arrive" = "ack", account = "patrol") => ({ account, alert: 7, title: "t", step: { kind }, at: 1_000, place: null });

function made() {
  const [store, station] = [new MemoryStore(), new Station()];
  return { store, station, queue: new StepQueue(store, station.send, () => undefined) };
}

describe("the queue", () => {
  it("stores a step before it is sent and removes it after the answer", async () => {
    const { store, station, queue } = made();
    await queue.add(step());
    expect([store.kept.size, station.applied.length]).toEqual([1, 0]);
    await queue.flush("patrol");
    expect([store.kept.size, queue.steps.length, station.applied.length]).toEqual([0, 0, 1]);
  });

  it("sends in order after the station is back, and stops at the first that does not get through", async () => {
    const { station, queue } = made();
    await queue.add(step("ack"));
    await queue.add(step("arrive"));
    station.fails = [away];
    await queue.flush("patrol");
    expect([station.received, queue.steps.length]).toEqual([[], 2]);
    await queue.flush("patrol");
    expect([station.received, queue.steps.length]).toEqual([["ack", "arrive"], 0]);
  });

  it("is applied once where the answer is lost", async () => {
    const { station, queue } = made();
    await queue.add(step());
    station.losesAnswer = true;
    await queue.flush("patrol");
    expect(queue.steps.length).toBe(1);
    await queue.flush("patrol");
    expect([station.received.length, station.applied.length, queue.steps.length]).toEqual([2, 1, 0]);
  });

  it("keeps what is refused with its reason until it was read, and sends what follows", async () => {
    const { store, station, queue } = made();
    const first = await queue.add(step("ack"));
    await queue.add(step("arrive"));
    station.fails = [taken];
    await queue.flush("patrol");
    expect(station.received).toEqual(["arrive"]);
    expect(queue.steps.map((s) => s.refusal?.code)).toEqual(["alert_taken"]);
    await queue.flush("patrol"); // not sent again
    expect(station.received).toEqual(["arrive"]);
    await queue.dismiss(first.id);
    expect([queue.steps.length, store.kept.size]).toEqual([0, 0]);
  });

  it("does not dismiss what still waits", async () => {
    const { queue } = made();
    const waiting = await queue.add(step());
    await queue.dismiss(waiting.id);
    expect(queue.steps.length).toBe(1);
  });

  it("survives closing the page, in its order, also steps of another account, which it does not send", async () => {
    const { store, station, queue } = made();
    await queue.add(step("ack"));
    await queue.add(step("arrive"));
    await queue.add(step("ack", "other"));
    const later = new StepQueue(store, station.send, () => undefined);
    await later.load();
    await later.flush("patrol");
    expect(station.received).toEqual(["ack", "arrive"]);
    expect(later.steps.map((s) => s.account)).toEqual(["other"]);
  });

  it("sends what is added while it sends", async () => {
    const { station, queue } = made();
    await queue.add(step("ack"));
    const running = queue.flush("patrol");
    await queue.add(step("arrive"));
    void queue.flush("patrol");
    await running;
    expect([station.received, queue.steps.length]).toEqual([["ack", "arrive"], 0]);
  });
});

describe("problems", () => {
  it.each([[0, UNREACHABLE, true], [401, "idle", true], [403, "password", true], [429, "too_many", true], [503, "busy", true], [409, "alert_taken", false], [404, "alert_not_found", false], [422, "invalid_input", false]])(
    "%d %s: waits %s", (status, code, waits) => expect(isTemporary(new ApiError(status, code, ""))).toBe(waits),
  );
});

it("makes ids of version 4", () => {
  expect(newId((into) => into.fill(0xff))).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
  expect(newId()).not.toBe(newId());
});
