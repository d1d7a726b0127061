import { describe, expect, it } from "vitest";

import type { AlertView } from "@/api/schema";

import { timed } from "./useWatch";

const alert = (recall_seconds: number): AlertView => ({
  id: 1, title: "t", cls: "person", upper: null, lower: null, camera: "wj-01", camera_name: "王家村口", village: "wangjia", seen_at: "2026-11-21T00:00:00Z", state: "dispatched",
  dispatched_at: "2026-11-21T00:00:01Z", recall_seconds, acked_by: null, acked_at: null, arrived_at: null, answer: null, note: "", snooze_seconds: 0, outcome: null, closed_by: null, closed_at: null, called_in: null, has_picture: false,
});

describe("alerts that were dispatched", () => {
  it("can be taken back for as long as the station says, whatever the computer's clock shows", () => {
    expect(timed([alert(42.5), alert(0)], 1000).map((a) => a.recallUntil)).toEqual([43_500, 1000]);
  });
});
