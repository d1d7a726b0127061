/**
 * The live picture of one cell: which stream it asks for, and what happens where that fails.
 *
 * One socket is open for as long as the target stays the same. When it ends it is opened again after growing pauses;
 * an H.265 stream that the browser lacks is asked for in H.264; a main stream that cannot be shown at all becomes the
 * sub-stream. A refusal is final until the target changes or `resume` is called.
 */
import { ApiError } from "@/api/errors";

import { type Announcement, LivePlayer, type PlayerListener, type StreamKind, type Trouble } from "./livePlayer";

const RETRY_DELAYS_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
const SILENT_MS = 6_000; // without video: told in the cell
const STEADY_MS = 10_000; // after so much video the pauses begin anew

export interface Target {
  camera: string;
  kind: StreamKind;
}

/**
 * off: nothing is asked for; starting: no video yet; playing; silent: connected, but no video comes; waiting: until the
 * next try; refused: the station said no; unsupported: nothing that the browser can play; unattended: nobody watched.
 */
export type LiveState = "off" | "starting" | "playing" | "silent" | "waiting" | "refused" | "unsupported" | "unattended";

export interface Player {
  play(camera: string, kind: StreamKind, transcode: boolean): Promise<void>;
  stop(): void;
}

export class LiveStream implements PlayerListener {
  state: LiveState = "off";
  facts: Announcement | null = null;
  /** Why it was refused, or why the last try failed. */
  problem: unknown = null;
  /** When the next try is made, ms. */
  retryAt = 0;
  /** The stream that is shown; another than asked for where that cannot be shown. */
  kind: StreamKind = "sub";
  private target: Target | null = null;
  private player: Player | null = null;
  private transcode = false;
  private failures = 0;
  private since = 0; // of the first video after an interruption
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly changed: () => void,
    private readonly makePlayer: (video: HTMLVideoElement, listener: PlayerListener) => Player = (v, l) => new LivePlayer(v, l),
  ) {}

  /** Show a stream, or nothing. The same one again changes nothing. */
  show(target: Target | null): void {
    if (target?.camera === this.target?.camera && target?.kind === this.target?.kind) return;
    this.target = target;
    this.transcode = false;
    this.failures = 0;
    this.close();
    if (target === null) return this.enter("off");
    this.kind = target.kind;
    this.open();
  }

  /** Try at once: the station is there again, or somebody wants to go on watching. */
  resume(): void {
    if (this.target === null || this.player !== null) return;
    this.failures = 0;
    this.open();
  }

  /** Nobody watches any more. */
  rest(): void {
    if (this.target === null) return;
    this.close();
    this.enter("unattended");
  }

  stop(): void {
    this.target = null;
    this.close();
  }

  private open(): void {
    this.close();
    const { camera } = this.target!;
    const player = (this.player = this.makePlayer(this.video, this));
    this.enter("starting");
    this.expect();
    player.play(camera, this.kind, this.transcode).catch((problem: unknown) => {
      if (this.player === player) this.failed(problem);
    });
  }

  private close(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.silenceTimer);
    this.player?.stop();
    this.player = null;
    this.facts = null;
    this.since = 0;
  }

  announced(facts: Announcement): void {
    this.facts = facts;
    this.changed();
  }

  received(): void {
    this.expect();
    this.since ||= Date.now();
    if (Date.now() - this.since > STEADY_MS) this.failures = 0;
    this.problem = null;
    if (this.state !== "playing") this.enter("playing");
  }

  trouble(what: Trouble): void {
    if (what === "nobody") return this.rest();
    if (what !== "unsupported") return this.again();
    // What the browser cannot play the station turns into H.264, as far as its processors go.
    if (!this.transcode) {
      this.transcode = true;
      this.open();
    } else this.lower("unsupported");
  }

  private failed(problem: unknown): void {
    this.problem = problem;
    if (!(problem instanceof ApiError)) return this.again();
    if (problem.code === "watching") return this.rest();
    const final = problem.status >= 400 && problem.status < 500 && problem.status !== 409 && problem.status !== 429;
    if (final) {
      this.close();
      this.enter("refused");
    } else this.again();
  }

  /** The main stream cannot be shown: the sub-stream is tried before one gives up. */
  private lower(otherwise: LiveState): void {
    if (this.kind === "main") {
      this.kind = "sub";
      this.transcode = false;
      this.open();
      return;
    }
    this.close();
    this.enter(otherwise);
  }

  private again(): void {
    this.close();
    // A transcoder that does not come up, because the processors are busy: the sub-stream needs none.
    if (this.transcode && this.kind === "main" && this.failures >= 1) return this.lower("unsupported");
    const delay = RETRY_DELAYS_MS[Math.min(this.failures, RETRY_DELAYS_MS.length - 1)]!;
    const spread = delay * (1 + 0.3 * Math.random()); // the cells of a wall do not all come at once
    this.failures += 1;
    this.retryAt = Date.now() + spread;
    this.retryTimer = setTimeout(() => this.open(), spread);
    this.enter("waiting");
  }

  /** Say so if no video comes for a while. */
  private expect(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(() => this.enter("silent"), SILENT_MS);
  }

  private enter(state: LiveState): void {
    this.state = state;
    this.changed();
  }
}
