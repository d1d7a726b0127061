/** Live fragmented MP4 over a WebSocket into Media Source Extensions. */
import { api, socketAddress } from "@/legacyApi";

interface Announcement {
  codecs: string;
  width: number;
  height: number;
  start: number;
  wall: number;
}

type Message = { kind: "announce"; facts: Announcement } | { kind: "bytes"; data: ArrayBuffer };

const TARGET_SECONDS = 0.8;
const FAST = 1.1;
const JUMP_SECONDS = 4;
const KEEP_SECONDS = 20;

const NOBODY = 4410; // the station closed it because nobody answered

export type Trouble = "unsupported" | "closed" | "refused" | "nobody";

export class LivePlayer {
  private socket: WebSocket | null = null;
  private readonly source = new MediaSource();
  private buffer: SourceBuffer | null = null;
  private readonly queue: Message[] = [];
  private readonly address: string;
  private stopped = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly trouble: (what: Trouble) => void,
  ) {
    this.address = URL.createObjectURL(this.source);
    video.src = this.address;
    this.source.addEventListener("sourceopen", () => this.work());
  }

  /** Ask for leave to watch, then open the socket. */
  async play(camera: string, kind: "main" | "sub", transcode = false): Promise<void> {
    const { ticket } = await api.post<{ ticket: string }>("/api/live/ticket", { camera, kind, transcode });
    if (this.stopped) return;
    const socket = (this.socket = new WebSocket(socketAddress(`/api/live/${ticket}`)));
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.queue.push(
        typeof data === "string"
          ? { kind: "announce", facts: JSON.parse(data) as Announcement }
          : { kind: "bytes", data: data as ArrayBuffer },
      );
      this.work();
    };
    socket.onclose = ({ code }) => {
      if (!this.stopped) this.trouble(code === NOBODY ? "nobody" : "closed");
    };
  }

  stop(): void {
    this.stopped = true;
    this.socket?.close();
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.address);
  }

  private work(): void {
    if (this.stopped || this.source.readyState !== "open") return;
    while (this.queue.length > 0 && !this.buffer?.updating) {
      const message = this.queue.shift()!;
      if (message.kind === "announce") {
        if (!this.announce(message.facts)) return;
      } else if (this.buffer) {
        this.buffer.appendBuffer(message.data);
      }
    }
    if (this.buffer && !this.buffer.updating) this.keepUp(this.buffer);
  }

  private announce(facts: Announcement): boolean {
    const type = `video/mp4; codecs="${facts.codecs}"`;
    if (!MediaSource.isTypeSupported(type)) {
      this.stopped = true;
      this.socket?.close();
      this.trouble("unsupported");
      return false;
    }
    if (!this.buffer) {
      this.buffer = this.source.addSourceBuffer(type);
      this.buffer.addEventListener("updateend", () => this.work());
    } else {
      this.buffer.changeType(type);
    }
    this.buffer.timestampOffset = facts.start; // every file begins at zero
    return true;
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
