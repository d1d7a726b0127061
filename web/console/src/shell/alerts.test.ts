import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const answer = vi.hoisted(() => ({ alerts: [] as { id: number; state: string; snooze_seconds: number }[] }));
vi.mock("@/api/client", () => ({ http: { GET: () => Promise.resolve(answer.alerts) }, request: (send: () => Promise<unknown>) => send() }));

import { useAlerts } from "./alerts";

describe("alerts that wait for a decision", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    setActivePinia(createPinia());
  });
  afterEach(() => vi.useRealTimers());

  it("are silent while they are snoozed, count all the same, and ring again by themselves", async () => {
    answer.alerts = [{ id: 1, state: "new", snooze_seconds: 60 }, { id: 2, state: "new", snooze_seconds: 0 }, { id: 3, state: "acked", snooze_seconds: 0 }];
    const alerts = useAlerts();
    await alerts.load();
    expect([alerts.waiting.length, alerts.popups.map((a) => a.id)]).toEqual([2, [2]]);
    vi.advanceTimersByTime(59_000);
    expect(alerts.popups.map((a) => a.id)).toEqual([2]);
    vi.advanceTimersByTime(1_100);
    expect(alerts.popups.map((a) => a.id)).toEqual([1, 2]);
  });

  it("come back after a snooze although their pop-up was put aside before", async () => {
    answer.alerts = [{ id: 1, state: "new", snooze_seconds: 0 }];
    const alerts = useAlerts();
    await alerts.load();
    alerts.dismiss(1);
    expect(alerts.popups).toEqual([]);
    answer.alerts = [{ id: 1, state: "new", snooze_seconds: 30 }];
    await alerts.load();
    vi.advanceTimersByTime(30_100);
    expect(alerts.popups.map((a) => a.id)).toEqual([1]);
  });
});
