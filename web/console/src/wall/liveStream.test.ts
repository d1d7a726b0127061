import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { ApiError } from "@/api/errors";

import type { PlayerListener, StreamKind } from "./livePlayer";
import { LiveStream, type Player } from "./liveStream";

/** Players that a test opens and breaks; `opened` lists what they asked for. */
class Players {
  readonly opened: string[] = [];
  readonly stopped: number[] = [];
  listener!: PlayerListener;
  refusal: unknown = null;

  readonly make = (_: HTMLVideoElement, listener: PlayerListener): Player => {
    this.listener = listener;
    const number = this.opened.length;
    return {
      play: (camera: string, kind: StreamKind, transcode: boolean) => {
        this.opened.push(`${camera}/${kind}${transcode ? " h264" : ""}`);
        return this.refusal ? Promise.reject(this.refusal) : Promise.resolve();
      },
      stop: () => void this.stopped.push(number),
    };
  };
}

const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe("a cell's live stream", () => {
  let players: Players;
  let stream: LiveStream;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(0);
    players = new Players();
    stream = new LiveStream(document.createElement("video"), () => undefined, players.make);
  });
  afterEach(() => {
    stream.stop();
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("opens one socket for as long as it shows the same", async () => {
    for (let second = 0; second < 60; second++) {
      stream.show({ camera: "wj-01", kind: "sub" }); // the tree was loaded again
      players.listener.received();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(players.opened).toEqual(["wj-01/sub"]);
    expect(stream.state).toBe("playing");
  });

  it("tries again after growing pauses, and at once when told", async () => {
    stream.show({ camera: "wj-01", kind: "sub" });
    const pauses = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 30_000];
    for (const [i, pause] of pauses.entries()) {
      players.listener.trouble("closed");
      expect(stream.state).toBe("waiting");
      await vi.advanceTimersByTimeAsync(pause - 1);
      expect(players.opened.length).toBe(i + 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(players.opened.length).toBe(i + 2);
    }
    players.listener.trouble("closed");
    stream.resume();
    expect(players.opened.length).toBe(pauses.length + 2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(players.opened.length).toBe(pauses.length + 2); // the pause that was going on is over as well
  });

  it("begins with the short pause again after video that lasted", async () => {
    stream.show({ camera: "wj-01", kind: "sub" });
    for (let i = 0; i < 3; i++) {
      players.listener.trouble("closed");
      await vi.advanceTimersByTimeAsync(40_000);
    }
    for (let second = 0; second < 12; second++) {
      players.listener.received();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    const before = players.opened.length;
    players.listener.trouble("closed");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(players.opened.length).toBe(before + 1);
  });

  it("tells when nothing comes", async () => {
    stream.show({ camera: "wj-01", kind: "sub" });
    await vi.advanceTimersByTimeAsync(6_000);
    expect(stream.state).toBe("silent");
    players.listener.received();
    expect(stream.state).toBe("playing");
    await vi.advanceTimersByTimeAsync(6_000);
    expect(stream.state).toBe("silent");
    expect(players.opened.length).toBe(1);
  });

  it("asks for H.264 where the browser lacks the codec, then for the sub-stream, then gives up", () => {
    stream.show({ camera: "xd-02", kind: "main" });
    for (let i = 0; i < 4; i++) players.listener.trouble("unsupported");
    expect(players.opened).toEqual(["xd-02/main", "xd-02/main h264", "xd-02/sub", "xd-02/sub h264"]);
    expect(stream.state).toBe("unsupported");
    expect(players.stopped).toEqual([0, 1, 2, 3]);
  });

  it("shows the sub-stream where the transcoder does not come up", async () => {
    stream.show({ camera: "xd-02", kind: "main" });
    players.listener.trouble("unsupported");
    players.listener.trouble("closed");
    await vi.advanceTimersByTimeAsync(1_000);
    players.listener.trouble("closed");
    expect(players.opened).toEqual(["xd-02/main", "xd-02/main h264", "xd-02/main h264", "xd-02/sub"]);
  });

  it("does not insist where the station refuses, but where it is busy or away", async () => {
    players.refusal = new ApiError(403, "forbidden", "no");
    stream.show({ camera: "wj-01", kind: "sub" });
    await settled();
    expect(stream.state).toBe("refused");
    await vi.advanceTimersByTimeAsync(120_000);
    expect(players.opened.length).toBe(1);
    for (const status of [0, 429, 503]) {
      players.refusal = new ApiError(status, "", "busy");
      stream.show(null);
      stream.show({ camera: "wj-01", kind: "sub" });
      await settled();
      expect(stream.state).toBe("waiting");
    }
  });

  it("rests when nobody watches, until somebody does", async () => {
    stream.show({ camera: "wj-01", kind: "sub" });
    players.listener.trouble("nobody");
    await vi.advanceTimersByTimeAsync(120_000);
    expect(stream.state).toBe("unattended");
    expect(players.opened.length).toBe(1);
    stream.resume();
    expect(players.opened.length).toBe(2);
  });

  it("closes its socket when nothing is shown", () => {
    stream.show({ camera: "wj-01", kind: "sub" });
    stream.show(null);
    expect(players.stopped).toEqual([0]);
    expect(stream.state).toBe("off");
    stream.resume();
    expect(players.opened.length).toBe(1);
  });
});
