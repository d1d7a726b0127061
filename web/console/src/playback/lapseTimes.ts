/** Where a moment lies in the video of a time-lapse, and what is to be loaded next. Moments in ms, positions in seconds. */

export type Span = readonly [start: number, end: number];

/** A position in the video, or why there is none: nobody recorded that moment, or it is not loaded yet. */
export type Place = { position: number } | "gap" | "loading";

const TOLERANCE_S = 0.02; // pictures that follow each other are less than this apart
const INSIDE_S = 0.001; // at its very end a span shows no picture
export const FIRST_PIECE_S = 8; // of video: the first picture comes soon
export const PIECE_S = 30;
const AHEAD_S = 15; // at least so much of the video is loaded before it is needed

/** `loaded`: until which position the time-lapse is known, gaps included. */
export function placeIn(spans: readonly Span[], position: number, loaded: number): Place {
  for (const [start, end] of spans) {
    if (position >= start - TOLERANCE_S && position < end + TOLERANCE_S) return { position: Math.max(start, Math.min(position, end - INSIDE_S)) };
  }
  return position < loaded ? "gap" : "loading";
}

/** Where pictures begin again at or after a position; where that is not known yet, the end of what is loaded. */
export function nextIn(spans: readonly Span[], position: number, loaded: number): number | undefined {
  const next = spans.find(([, end]) => end > position)?.[0] ?? loaded;
  return next > position ? next : undefined;
}

/** Bytes of the box that ends a piece early, where footage in another codec begins. */
export const END_BOX_BYTES = 16;
const FREE = 0x66726565;

/** Recorded milliseconds since the begin of a piece at which to ask again, by its last bytes; null: it is complete. */
export function endedEarly(last: Uint8Array): number | null {
  if (last.length < END_BOX_BYTES) return null;
  const box = new DataView(last.buffer, last.byteOffset + last.length - END_BOX_BYTES, END_BOX_BYTES);
  if (box.getUint32(0) !== END_BOX_BYTES || box.getUint32(4) !== FREE) return null;
  return Math.ceil(Number(box.getBigUint64(8)) / 1000); // never before that footage: the same piece would come again
}

/** The piece to load next; null while enough is loaded, or nothing is left before `end`. */
export function pieceAfter(loaded: number, position: number, end: number): Span | null {
  if (loaded >= end || loaded - position >= AHEAD_S) return null;
  return [loaded, Math.min(loaded + (loaded === 0 ? FIRST_PIECE_S : PIECE_S), end)];
}
