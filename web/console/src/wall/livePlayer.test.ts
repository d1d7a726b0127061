import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from "vitest";

import { LivePlayer, type PlayerListener } from "./livePlayer";

vi.mock("@/api/client", () => ({
  http: {},
  request: () => Promise.resolve({ ticket: "t1", stream: "wj-01/sub" }),
  socketAddress: (path: string) => `ws://station${path}`,
}));

class FakeRanges {
  constructor(readonly spans: [number, number][]) {}
  get length(): number {
    return this.spans.length;
  }
  start = (i: number): number => this.spans[i]![0];
  end = (i: number): number => this.spans[i]![1];
}

class FakeBuffer extends EventTarget {
  updating = false;
  timestampOffset = 0;
  broken = false;
  buffered = new FakeRanges([]);
  readonly appended: ArrayBuffer[] = [];
  readonly types: string[] = [];
  readonly removed: [number, number][] = [];
  appendBuffer(data: ArrayBuffer): void {
    if (this.broken) throw new DOMException("removed", "InvalidStateError");
    this.appended.push(data);
    this.updating = true;
  }
  changeType = (type: string): void => void this.types.push(type);
  remove(start: number, end: number): void {
    this.removed.push([start, end]);
    this.updating = true;
  }
  finish(): void {
    this.updating = false;
    this.dispatchEvent(new Event("updateend"));
  }
}

class FakeSource extends EventTarget {
  static last: FakeSource;
  static isTypeSupported = (type: string): boolean => !type.includes("hvc1");
  readyState = "closed";
  buffer: FakeBuffer | null = null;
  constructor() {
    super();
    FakeSource.last = this;
  }
  addSourceBuffer(type: string): FakeBuffer {
    this.buffer = new FakeBuffer();
    this.buffer.types.push(type);
    return this.buffer;
  }
  open(): void {
    this.readyState = "open";
    this.dispatchEvent(new Event("sourceopen"));
  }
}

class FakeSocket {
  static readonly opened: FakeSocket[] = [];
  binaryType = "";
  closed = false;
  onmessage: (event: { data: unknown }) => void = () => undefined;
  onclose: (event: { code: number }) => void = () => undefined;
  constructor(readonly url: string) {
    FakeSocket.opened.push(this);
  }
  close(): void {
    this.closed = true;
  }
}

const H264 = JSON.stringify({ codecs: "avc1.42c01e", width: 640, height: 360, start: 12, wall: 1_000 });
const bytes = (n: number): ArrayBuffer => new Uint8Array([n]).buffer;

describe("the live player", () => {
  let video: HTMLVideoElement;
  let listener: { [K in keyof PlayerListener]: Mock<PlayerListener[K]> };
  let player: LivePlayer;
  let socket: FakeSocket;

  beforeEach(async () => {
    FakeSocket.opened.length = 0;
    vi.stubGlobal("MediaSource", FakeSource);
    vi.stubGlobal("WebSocket", FakeSocket);
    vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:x");
    vi.spyOn(URL, "revokeObjectURL").mockReturnValue(undefined);
    video = document.createElement("video");
    vi.spyOn(video, "load").mockReturnValue(undefined);
    vi.spyOn(video, "play").mockResolvedValue(undefined);
    listener = { trouble: vi.fn(), announced: vi.fn(), received: vi.fn() };
    player = new LivePlayer(video, listener);
    await player.play("wj-01", "sub");
    socket = FakeSocket.opened[0]!;
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  const source = (): FakeSource => FakeSource.last;
  const buffer = (): FakeBuffer => source().buffer!;
  const send = (...data: unknown[]): void => data.forEach((d) => socket.onmessage({ data: d }));

  it("keeps what comes before the source is open, and appends one piece at a time", () => {
    send(H264, bytes(1), bytes(2));
    expect(source().buffer).toBeNull();
    source().open();
    expect(buffer().timestampOffset).toBe(12);
    expect(buffer().appended.length).toBe(1);
    buffer().finish();
    expect(buffer().appended.length).toBe(2);
    expect(listener.received).toHaveBeenCalledTimes(2);
    expect(listener.announced).toHaveBeenCalledWith(expect.objectContaining({ width: 640, wall: 1_000 }));
  });

  it("changes the type at the next file and goes on in the same buffer", () => {
    source().open();
    send(H264);
    const first = buffer();
    send(JSON.stringify({ codecs: "avc1.640028", start: 72 }));
    expect(buffer()).toBe(first);
    expect(first.types).toEqual(['video/mp4; codecs="avc1.42c01e"', 'video/mp4; codecs="avc1.640028"']);
    expect(first.timestampOffset).toBe(72);
  });

  it("tells of a codec that the browser lacks, once, and closes the socket", () => {
    source().open();
    send(JSON.stringify({ codecs: "hvc1.1.6.L93.B0", start: 0 }), bytes(1));
    socket.onclose({ code: 1000 });
    expect(listener.trouble.mock.calls).toEqual([["unsupported"]]);
    expect(socket.closed).toBe(true);
  });

  it("tells why the socket ended, but not when it was stopped", async () => {
    socket.onclose({ code: 4410 });
    expect(listener.trouble).toHaveBeenLastCalledWith("nobody");
    const second = new LivePlayer(video, listener);
    await second.play("wj-01", "sub");
    FakeSocket.opened[1]!.onclose({ code: 1006 });
    expect(listener.trouble).toHaveBeenLastCalledWith("closed");
    const third = new LivePlayer(video, listener);
    await third.play("wj-01", "sub");
    third.stop();
    FakeSocket.opened[2]!.onclose({ code: 1000 });
    expect(listener.trouble).toHaveBeenCalledTimes(2);
    expect(FakeSocket.opened[2]!.closed).toBe(true);
  });

  it("opens no socket when it was stopped before the ticket came", async () => {
    const late = new LivePlayer(video, listener);
    const playing = late.play("wj-01", "sub");
    late.stop();
    await playing;
    expect(FakeSocket.opened.length).toBe(1);
  });

  it("tells when the browser gave up", () => {
    source().open();
    send(H264);
    buffer().broken = true;
    send(bytes(1));
    expect(listener.trouble.mock.calls).toEqual([["broken"]]);
  });

  it("jumps to the present, plays faster when behind, and drops what was shown", () => {
    source().open();
    send(H264, bytes(1));
    buffer().buffered = new FakeRanges([[12, 20]]);
    buffer().finish();
    expect(video.currentTime).toBeCloseTo(19.2);
    video.currentTime = 18;
    send(bytes(2));
    buffer().finish();
    expect(video.playbackRate).toBeCloseTo(1.1);
    video.currentTime = 19.5;
    send(bytes(3));
    buffer().finish();
    expect(video.playbackRate).toBe(1);
    buffer().buffered = new FakeRanges([[12, 40]]);
    video.currentTime = 39;
    send(bytes(4));
    buffer().finish();
    expect(buffer().removed).toEqual([[12, 29]]);
  });
});
