/** The time-lapse of one camera: fetched piece by piece into a video, where a second is `speed` recorded seconds. */
import { OWN_SITE_HEADER } from "@/api/client";
import { type ApiError, refusalOf } from "@/api/errors";

import { endedEarly, END_BOX_BYTES, nextIn, PIECE_S, type Place, pieceAfter, placeIn, type Span } from "./lapseTimes";

const AT_ONCE = 2; // the station sends three downloads a session; one is left for a clip
const KEPT_S = 20; // of video behind the present picture
const NOTHING_RECORDED = "nothing_recorded";

/** What a piece needs before it may be fetched: a place among those that are fetched at once. */
const waiting: (() => void)[] = [];
let fetching = 0;

async function take(): Promise<void> {
  if (fetching >= AT_ONCE) await new Promise<void>((go) => waiting.push(go));
  else fetching++;
}

function release(): void {
  const next = waiting.shift();
  if (next) next();
  else fetching--;
}

export interface LapseTroubles {
  unsupported(codecs: string): void;
  refused(refusal: ApiError): void;
  interrupted(detail: string): void;
}

export class LapseFeed {
  private readonly media = new MediaSource();
  private readonly address = URL.createObjectURL(this.media);
  private readonly ending = new AbortController();
  private readonly opened: Promise<unknown>;
  private buffer: SourceBuffer | null = null;
  private busy = false;
  private complete = 0; // seconds of video that were fetched to their end, gaps included
  private target = PIECE_S; // until which position pieces were asked for

  /** `stream` is "<camera>/<kind>"; the video begins at `start` and goes on to `end`, ms. */
  constructor(
    private readonly video: HTMLVideoElement,
    private readonly stream: string,
    private readonly start: number,
    private readonly end: number,
    private readonly speed: number,
    private readonly troubles: LapseTroubles,
  ) {
    this.opened = new Promise((open) => this.media.addEventListener("sourceopen", open, { once: true }));
    video.src = this.address;
  }

  stop(): void {
    this.ending.abort();
    URL.revokeObjectURL(this.address);
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** Where the video shows a moment. Asks for what follows it. */
  place(moment: number): Place {
    const position = this.positionOf(moment);
    void this.loadAhead(position);
    return placeIn(this.spans, position, this.loaded);
  }

  /** Whether a moment lies so far beside what is loaded that one begins anew there. */
  misses(moment: number): boolean {
    const position = this.positionOf(moment);
    return position < 0 || position > this.target + PIECE_S;
  }

  /** The moment at which pictures begin again. */
  next(moment: number): number | undefined {
    const found = nextIn(this.spans, this.positionOf(moment), this.loaded);
    return found === undefined ? undefined : this.start + found * 1000 * this.speed;
  }

  private positionOf(moment: number): number {
    return (moment - this.start) / 1000 / this.speed;
  }

  private get spans(): Span[] {
    const ranges = this.buffer?.buffered;
    return ranges ? Array.from({ length: ranges.length }, (_, n) => [ranges.start(n), ranges.end(n)] as const) : [];
  }

  /** Pieces come in the order of time: what lies before the newest picture is known. */
  private get loaded(): number {
    return Math.max(this.complete, this.spans.at(-1)?.[1] ?? 0);
  }

  private async loadAhead(position: number): Promise<void> {
    const piece = this.busy ? null : pieceAfter(this.complete, position, this.positionOf(this.end));
    if (!piece) return;
    this.busy = true;
    this.target = piece[1];
    await take();
    try {
      if (!this.ending.signal.aborted) await this.load(piece);
    } catch (problem) {
      if (!this.ending.signal.aborted) this.troubles.interrupted(problem instanceof Error ? problem.message : String(problem));
    } finally {
      release();
      this.busy = false;
    }
  }

  private async load(piece: Span): Promise<void> {
    const [from, to] = piece.map((position) => new Date(this.start + position * 1000 * this.speed).toISOString());
    const [camera, kind] = this.stream.split("/");
    const query = new URLSearchParams({ from: from!, to: to!, speed: String(this.speed), stream: kind! });
    const address = `/api/playback/${encodeURIComponent(camera!)}/time-lapse.mp4?${query}`;
    const reply = await fetch(address, { headers: { [OWN_SITE_HEADER]: "1" }, signal: this.ending.signal });
    if (reply.ok && reply.body) {
      if (!(await this.prepare(reply.headers.get("X-Minwang-Codecs") ?? "", piece[0]))) return;
      const early = endedEarly(await this.append(reply.body.getReader()));
      if (early !== null) return void (this.complete = piece[0] + early / 1000 / this.speed);
    } else {
      const refusal = refusalOf(reply.status, await reply.json().catch(() => null));
      if (reply.status === 401 || reply.status === 403) return this.troubles.refused(refusal);
      if (refusal.code !== NOTHING_RECORDED) throw refusal;
    }
    this.complete = piece[1];
  }

  /** Make the buffer ready for a piece that begins at a position. Returns whether the browser can play its codec. */
  private async prepare(codecs: string, position: number): Promise<boolean> {
    await this.opened;
    const type = `video/mp4; codecs="${codecs}"`;
    if (!MediaSource.isTypeSupported(type)) {
      this.troubles.unsupported(codecs);
      return false;
    }
    if (this.buffer) this.buffer.changeType(type);
    else this.buffer = this.media.addSourceBuffer(type);
    await this.forget(this.video.currentTime - KEPT_S);
    this.buffer.timestampOffset = position;
    return true;
  }

  /** Append a piece to the video. Returns its last bytes. */
  private async append(pieces: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>): Promise<Uint8Array> {
    let last = new Uint8Array();
    for (;;) {
      const { done, value } = await pieces.read();
      if (done || this.ending.signal.aborted || !this.buffer) return last;
      last = new Uint8Array([...last, ...value.slice(-END_BOX_BYTES)]).slice(-END_BOX_BYTES);
      this.buffer.appendBuffer(value);
      await this.updated(this.buffer);
    }
  }

  private async forget(until: number): Promise<void> {
    if (!this.buffer || until <= 0 || this.buffer.buffered.length === 0) return;
    this.buffer.remove(0, until);
    await this.updated(this.buffer);
  }

  private updated(buffer: SourceBuffer): Promise<void> {
    return new Promise((done, fail) => {
      buffer.addEventListener("updateend", () => (this.video.error ? fail(new Error(this.video.error.message)) : done()), { once: true });
    });
  }
}
