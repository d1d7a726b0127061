/** Live fragmented MP4 over a WebSocket into Media Source Extensions. */
import { http, request, socketAddress } from "@/api/client";

/** What the station says of the pictures that follow (nvr.playback.live, nvr.playback.transcode). */
export interface Announcement {
  codecs: string;
  width?: number;
  height?: number;
  /** Seconds of the session's timeline at which the file begins. */
  start: number;
  /** The same moment in seconds since the epoch; absent where pictures are transcoded. */
  wall?: number;
  transcoded?: boolean;
  source_codecs?: string;
  source_width?: number;
  source_height?: number;
}

type Message = { kind: "announce"; facts: Announcement } | { kind: "bytes"; data: ArrayBuffer };
export type StreamKind = "main" | "sub";

const TARGET_SECONDS = 0.8;
const FAST = 1.1;
const JUMP_SECONDS = 4;
const KEEP_SECONDS = 20;

const NOBODY = 4410; // the station closed it because nobody answered

/** unsupported: the browser lacks the codec; broken: the browser gave up decoding; closed: the socket ended. */
export type Trouble = "unsupported" | "broken" | "closed" | "nobody";

export interface PlayerListener {
  trouble(what: Trouble): void;
  announced(facts: Announcement): void;
  /** A piece of video came. */
  received(): void;
}

export class LivePlayer {
  private socket: WebSocket | null = null;
  private readonly source = new MediaSource();
  private buffer: SourceBuffer | null = null;
  private readonly queue: Message[] = [];
  private readonly address: string;
  private stopped = false;
  private readonly onVideoError = (): void => this.fail("broken");

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly listener: PlayerListener,
  ) {
    this.address = URL.createObjectURL(this.source);
    video.src = this.address;
    video.addEventListener("error", this.onVideoError);
    this.source.addEventListener("sourceopen", () => this.work());
  }

  /** Ask for leave to watch, then open the socket. Throws ApiError. */
  play(camera: string, kind: StreamKind, transcode = false): Promise<void> {
    return this.open(async () => {
      const { ticket } = await request(() => http.POST("/api/live/ticket", { body: { camera, kind, transcode } }));
      return `/api/live/${ticket}`;
    });
  }

  /** Open the socket whose address `leave` gets. Throws what `leave` throws. */
  async open(leave: () => Promise<string>): Promise<void> {
    const address = await leave();
    if (this.stopped) return;
    const socket = (this.socket = new WebSocket(socketAddress(address)));
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.queue.push(
        typeof data === "string"
          ? { kind: "announce", facts: JSON.parse(data) as Announcement }
          : { kind: "bytes", data: data as ArrayBuffer },
      );
      this.work();
    };
    socket.onclose = ({ code }) => this.fail(code === NOBODY ? "nobody" : "closed");
  }

  stop(): void {
    this.stopped = true;
    this.socket?.close();
    this.video.removeEventListener("error", this.onVideoError);
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.address);
  }

  private fail(what: Trouble): void {
    if (this.stopped) return;
    this.stopped = true;
    this.socket?.close();
    this.listener.trouble(what);
  }

  private work(): void {
    if (this.stopped || this.source.readyState !== "open") return;
    try {
      while (!this.stopped && this.queue.length > 0 && !this.buffer?.updating) this.take(this.queue.shift()!);
      if (!this.stopped && this.buffer && !this.buffer.updating) this.keepUp(this.buffer);
    } catch {
      this.fail("broken"); // the browser closed the buffer after pictures that it could not decode
    }
  }

  private take(message: Message): void {
    if (message.kind === "announce") this.announce(message.facts);
    else if (this.buffer) {
      this.buffer.appendBuffer(message.data);
      this.listener.received();
    }
  }

  private announce(facts: Announcement): void {
    const type = `video/mp4; codecs="${facts.codecs}"`;
    if (!MediaSource.isTypeSupported(type)) return this.fail("unsupported");
    if (!this.buffer) {
      this.buffer = this.source.addSourceBuffer(type);
      this.buffer.addEventListener("updateend", () => this.work());
    } else {
      this.buffer.changeType(type);
    }
    this.buffer.timestampOffset = facts.start; // every file begins at zero
    this.listener.announced(facts);
  }

  /** Stay close to the present: play a little faster, or jump; drop what was shown long ago. */
  private keepUp(buffer: SourceBuffer): void {
    const ranges = buffer.buffered;
    if (ranges.length === 0) return;
    const end = ranges.end(ranges.length - 1);
    const start = ranges.start(ranges.length - 1);
    const behind = end - this.video.currentTime;
    if (this.video.currentTime < start || behind > JUMP_SECONDS) {
      this.video.currentTime = Math.max(start, end - TARGET_SECONDS);
    }
    this.video.playbackRate = behind > 1.8 * TARGET_SECONDS ? FAST : 1;
    if (this.video.paused) void this.video.play().catch(() => undefined);
    if (this.video.currentTime - ranges.start(0) > KEEP_SECONDS) buffer.remove(ranges.start(0), this.video.currentTime - KEEP_SECONDS / 2);
  }
}
