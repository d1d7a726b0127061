/** One camera of a playback: its video follows the master clock. */
import type { Fragment } from "hls.js";
import Hls from "hls.js/light";

import { type ApiError, refusalOf } from "@/api/errors";

import { LapseFeed } from "./lapseFeed";
import type { Place } from "./lapseTimes";
import { feedOf } from "./speeds";

/** refused: the station said why (`refusal`); error: the pictures did not come (`detail`). */
export type LaneState = "loading" | "playing" | "gap" | "unsupported" | "refused" | "error";

/** Seconds beside the clock: less is left alone, up to FAR the rate is nudged, beyond it we seek. */
const NEAR = 0.008;
const FAR = 0.35;
const GAIN = 0.8;
const MOST = 0.25;
const JOINT_MS = 1000; // a shorter hole between two files is none
const SEEK_MS = 2000; // a seek, or the first bytes, may take so long
const MAX_RATE = 16; // what browsers play
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 4_000;

export class Lane {
  private hls: Hls | null = null;
  private lapse: LapseFeed | null = null;
  private again: (moment: number) => void = () => undefined;
  private soughtAt = 0;
  private moment = 0; // of the clock, when it was last followed
  state: LaneState = "loading";
  detail = "";
  refusal: ApiError | null = null;
  private failures = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly changed: () => void,
  ) {}

  /** Show what a stream ("<camera>/<kind>") recorded in [start, end), ms, as it is needed at a speed. */
  load(stream: string, start: number, end: number, speed: number): void {
    this.stop();
    this.enter("loading");
    this.soughtAt = performance.now();
    this.again = (moment) => this.load(stream, moment, end, speed);
    if (feedOf(speed) === "lapse") this.loadLapse(stream, start, end, speed);
    else this.loadPlaylist(stream, start, end, feedOf(speed) === "keyframes");
  }

  private loadPlaylist(stream: string, start: number, end: number, keyframes: boolean): void {
    const hls = (this.hls = new Hls({ enableWorker: false, autoStartLoad: false, maxBufferLength: 20, backBufferLength: 20 }));
    hls.once(Hls.Events.LEVEL_LOADED, (_, { details }) => {
      // Begin at the moment itself: a seek before the first bytes are there may never come to an end.
      hls.startLoad(Math.max(0, (start - (details.fragments[0]?.programDateTime ?? start)) / 1000));
    });
    const query = new URLSearchParams({ start: new Date(start).toISOString(), end: new Date(end).toISOString() });
    if (keyframes) query.set("keyframes", "true");
    const playlist = `/api/playback/${stream}/index.m3u8?${query}`;
    hls.on(Hls.Events.ERROR, (_, data) => {
      if (data.fatal) void this.failed(data.details, data.response?.code, playlist, () => this.again(start));
    });
    hls.loadSource(playlist);
    hls.attachMedia(this.video);
  }

  private loadLapse(stream: string, start: number, end: number, speed: number): void {
    const stopped = (state: LaneState): void => {
      this.stop();
      this.enter(state);
    };
    this.lapse = new LapseFeed(this.video, stream, start, end, speed, {
      unsupported: () => stopped("unsupported"),
      refused: (refusal) => {
        this.refusal = refusal;
        stopped("refused");
      },
      interrupted: (detail) => {
        this.detail = detail;
        stopped("error");
        this.tryLater(() => this.again(this.moment));
      },
    });
  }

  stop(): void {
    clearTimeout(this.retry);
    this.hls?.destroy();
    this.hls = null;
    this.lapse?.stop();
    this.lapse = null;
  }

  /** What stopped the pictures; what the station refused is asked for once more, for its reason. */
  private async failed(details: string, status: number | undefined, playlist: string, again: () => void): Promise<void> {
    const codec = details === Hls.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR || details === Hls.ErrorDetails.BUFFER_ADD_CODEC_ERROR;
    this.detail = details;
    this.stop();
    if (codec) return this.enter("unsupported");
    if (status === 404) return this.enter("gap");
    if (status === 401 || status === 403) {
      const reply = await fetch(playlist);
      if (reply.ok) return again();
      this.refusal = refusalOf(reply.status, await reply.json().catch(() => null));
      return this.enter("refused");
    }
    this.enter("error");
    this.tryLater(again);
  }

  /** The station is away or busy: pictures come again by themselves when it is there. */
  private tryLater(again: () => void): void {
    this.retry = setTimeout(again, Math.min(FIRST_RETRY_MS * 2 ** this.failures++, LONGEST_RETRY_MS));
  }

  private enter(state: LaneState): void {
    if (state === "playing") this.failures = 0;
    if (this.state === state) return;
    this.state = state;
    this.changed();
  }

  private get fragments(): Fragment[] {
    return this.hls?.levels[0]?.details?.fragments ?? [];
  }

  /** The recorded piece that shows a moment; its last picture stays for as long as no gap is made of it. */
  private at(moment: number): Fragment | undefined {
    const begun = this.fragments.filter((f) => !f.gap && f.programDateTime !== null && moment >= f.programDateTime);
    const last = begun.at(-1);
    return last && moment < (last.programDateTime ?? 0) + last.duration * 1000 + JOINT_MS ? last : undefined;
  }

  /** Where the next recorded piece begins, at or after a moment. */
  next(moment: number): number | undefined {
    if (this.lapse) return this.lapse.next(moment);
    return this.fragments.find((f) => !f.gap && (f.programDateTime ?? 0) + f.duration * 1000 > moment)?.programDateTime ?? undefined;
  }

  /** Whether pictures of the present moment are there, or none can be. */
  get ready(): boolean {
    // A time-lapse is loaded ahead: at the edge of a gap nothing follows the present picture, which is enough.
    const enough = this.lapse ? HTMLMediaElement.HAVE_CURRENT_DATA : HTMLMediaElement.HAVE_FUTURE_DATA;
    return this.state === "playing" ? this.video.readyState >= enough && !this.video.seeking : this.state !== "loading";
  }

  /** One seek at a time; one that leads nowhere is made again. */
  private seek(position: number): void {
    const now = performance.now();
    if ((this.video.seeking || this.video.readyState < 2) && now - this.soughtAt < SEEK_MS) return;
    this.soughtAt = now;
    this.video.currentTime = position;
  }

  /** Where the video shows a moment. */
  private place(moment: number): Place {
    if (this.lapse) return this.lapse.place(moment);
    const piece = this.at(moment);
    if (piece) return { position: piece.start + Math.min((moment - (piece.programDateTime ?? 0)) / 1000, piece.duration) };
    return this.fragments.length > 0 ? "gap" : "loading";
  }

  /** Bring the picture to the clock's time. */
  follow(moment: number, speed: number, playing: boolean): void {
    this.moment = moment;
    if (this.lapse?.misses(moment)) this.again(moment);
    const place = this.place(moment);
    if (typeof place === "string") {
      // What stopped a lane stays said; a playlist that is not there yet says nothing.
      if (place === "gap" || this.lapse) this.enter(place);
      this.video.pause();
      return;
    }
    this.enter("playing");
    const wanted = place.position;
    const rate = this.lapse ? 1 : speed; // a time-lapse is fast by itself
    const ahead = this.video.currentTime - wanted;
    if (!playing) {
      this.video.pause();
      if (Math.abs(ahead) > NEAR) this.seek(wanted);
      return;
    }
    if (this.video.readyState < 2 || this.video.seeking || Math.abs(ahead) > FAR * Math.max(1, rate)) {
      this.seek(wanted);
      if (this.video.readyState < 2) return;
    } else {
      const nudge = Math.abs(ahead) > NEAR ? Math.max(-MOST, Math.min(MOST, (GAIN * ahead) / Math.max(1, rate))) : 0;
      this.video.playbackRate = Math.min(MAX_RATE, rate * (1 - nudge));
    }
    if (this.video.paused) void this.video.play().catch(() => undefined);
  }
}
