/** Draws the time line on a canvas: per camera recorded stretches, gaps, activity, sightings, alerts and bookmarks. */
import type { LanesReply } from "@/api/schema";
import { clockTime } from "@/shared/time";

import { lengthOf, marks, type Range } from "./timeScale";

export const SCALE_HEIGHT = 20;
export const ROW_HEIGHT = 26;
const NAME_HEIGHT = 14;

export interface Row {
  camera: string;
  name: string;
  facts: LanesReply | null;
}

export interface Palette {
  background: string;
  row: string;
  recorded: string;
  activity: string;
  gap: string;
  line: string;
  text: string;
  dim: string;
  sighting: string;
  alert: string;
  bookmark: string;
  now: string;
  selection: string;
}

export interface Drawing {
  rows: Row[];
  range: Range;
  at: number | null;
  hover: number | null;
  selection: [number | null, number | null];
  focused: string;
}

/** Colours of the page's theme, for a canvas that knows no variables. */
export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  return {
    background: of("--bg"), row: of("--panel"), recorded: "#1f7f78", activity: "#58c4b8", gap: of("--line"), line: of("--line"),
    text: of("--text"), dim: of("--dim"), sighting: of("--attention"), alert: of("--fault"), bookmark: of("--accent"),
    now: of("--attention"), selection: "rgb(61 126 255 / 0.22)",
  };
}

export function draw(c: CanvasRenderingContext2D, width: number, d: Drawing, p: Palette): void {
  const x = (at: number): number => ((at - d.range[0]) / lengthOf(d.range)) * width;
  const height = SCALE_HEIGHT + d.rows.length * ROW_HEIGHT;
  c.fillStyle = p.background;
  c.fillRect(0, 0, width, height);
  drawScale(c, width, height, d.range, x, p);
  d.rows.forEach((row, i) => drawRow(c, width, SCALE_HEIGHT + i * ROW_HEIGHT, row, x, row.camera === d.focused && d.rows.length > 1, p));
  drawSelection(c, height, d.selection, x, p);
  if (d.hover !== null) drawMoment(c, width, height, x(d.hover), p.dim, clockTime(d.hover), p);
  if (d.at !== null) drawMoment(c, width, height, x(d.at), p.now, "", p);
}

function drawScale(c: CanvasRenderingContext2D, width: number, height: number, range: Range, x: (at: number) => number, p: Palette): void {
  c.font = "11px sans-serif";
  c.textBaseline = "middle";
  const short = lengthOf(range) < 1_200_000 ? 8 : 5;
  for (const { at, strong } of marks(range, Math.max(4, Math.floor(width / 84)))) {
    c.fillStyle = p.line;
    c.fillRect(Math.round(x(at)), strong ? 0 : SCALE_HEIGHT - 5, 1, height);
    const text = clockTime(at).slice(0, short);
    const half = c.measureText(text).width / 2;
    c.fillStyle = p.dim;
    c.fillText(text, Math.max(2, Math.min(width - 2 * half - 2, x(at) - half)), SCALE_HEIGHT / 2 - 1);
  }
}

function drawRow(c: CanvasRenderingContext2D, width: number, top: number, row: Row, x: (at: number) => number, focused: boolean, p: Palette): void {
  const height = ROW_HEIGHT - 3;
  c.fillStyle = p.row;
  c.fillRect(0, top, width, height);
  if (row.facts) {
    drawSpans(c, width, top, height, row.facts, x, p);
    drawActivity(c, width, top, height, row.facts, x, p);
    drawSightings(c, width, top, height, row.facts, x, p);
    for (const mark of row.facts.marks) drawFlag(c, x(Date.parse(mark.at)), top, p.bookmark);
    for (const alert of row.facts.alerts) {
      c.fillStyle = p.alert;
      c.fillRect(x(Date.parse(alert.at)) - 3, top + 1, 7, 7);
    }
  }
  if (focused) {
    c.fillStyle = p.bookmark;
    c.fillRect(0, top, 3, height);
  }
  c.font = "12px sans-serif";
  c.fillStyle = "rgb(0 0 0 / 0.72)";
  c.fillRect(4, top + 1, c.measureText(row.name).width + 8, NAME_HEIGHT);
  c.fillStyle = "#e4ebf3";
  c.fillText(row.name, 8, top + 1 + NAME_HEIGHT / 2);
}

function drawSpans(c: CanvasRenderingContext2D, width: number, top: number, height: number, facts: LanesReply, x: (at: number) => number, p: Palette): void {
  for (const span of facts.spans) {
    const left = Math.max(0, x(Date.parse(span.start)));
    const right = Math.min(width, x(Date.parse(span.end)));
    if (right < 0 || left > width) continue;
    if (!span.cause) {
      c.fillStyle = p.recorded;
      c.fillRect(left, top, Math.max(1, right - left), height);
    } else drawHatch(c, left, top, Math.max(2, right - left), height, p.gap);
  }
}

/** A gap: lines, so that it differs from footage without colour too. */
function drawHatch(c: CanvasRenderingContext2D, left: number, top: number, width: number, height: number, colour: string): void {
  c.save();
  c.beginPath();
  c.rect(left, top, width, height);
  c.clip();
  c.strokeStyle = colour;
  c.lineWidth = 2;
  c.beginPath();
  for (let at = left - height; at < left + width; at += 7) {
    c.moveTo(at, top + height);
    c.lineTo(at + height, top);
  }
  c.stroke();
  c.restore();
}

function bucketsOf(facts: LanesReply): { start: number; width: number } {
  return { start: Date.parse(facts.start), width: facts.bucket_seconds * 1000 };
}

function drawActivity(c: CanvasRenderingContext2D, width: number, top: number, height: number, facts: LanesReply, x: (at: number) => number, p: Palette): void {
  const { start, width: bucket } = bucketsOf(facts);
  c.fillStyle = p.activity;
  facts.motion.shares.forEach((share, i) => {
    if (share === null || share <= 0) return;
    const left = x(start + i * bucket);
    const right = x(start + (i + 1) * bucket);
    if (right < 0 || left > width) return;
    const tall = Math.max(1, share * (height - NAME_HEIGHT + 4));
    c.fillRect(left, top + height - tall, Math.max(1, right - left), tall);
  });
}

function drawSightings(c: CanvasRenderingContext2D, width: number, top: number, height: number, facts: LanesReply, x: (at: number) => number, p: Palette): void {
  const { start, width: bucket } = bucketsOf(facts);
  c.fillStyle = p.sighting;
  facts.sightings.analysed.forEach((_, i) => {
    const any = Object.values(facts.sightings.counts).some((counts) => (counts[i] ?? 0) > 0);
    const left = x(start + i * bucket);
    if (any && left >= -2 && left <= width) c.fillRect(left, top + height - 3, Math.max(2, x(start + (i + 1) * bucket) - left), 3);
  });
}

function drawFlag(c: CanvasRenderingContext2D, at: number, top: number, colour: string): void {
  c.fillStyle = colour;
  c.fillRect(at, top, 1.5, ROW_HEIGHT - 3);
  c.beginPath();
  c.moveTo(at, top);
  c.lineTo(at + 9, top + 4);
  c.lineTo(at, top + 8);
  c.fill();
}

function drawSelection(c: CanvasRenderingContext2D, height: number, [from, to]: [number | null, number | null], x: (at: number) => number, p: Palette): void {
  c.fillStyle = p.selection;
  if (from !== null && to !== null) c.fillRect(x(from), 0, Math.max(1, x(to) - x(from)), height);
  c.fillStyle = p.bookmark;
  for (const edge of [from, to]) if (edge !== null) c.fillRect(x(edge) - 1, 0, 2, height);
}

function drawMoment(c: CanvasRenderingContext2D, width: number, height: number, at: number, colour: string, label: string, p: Palette): void {
  if (at < -1 || at > width + 1) return;
  c.fillStyle = colour;
  c.fillRect(Math.round(at) - 1, 0, 2, height);
  if (!label) return;
  c.font = "11px sans-serif";
  const wide = c.measureText(label).width + 8;
  const left = Math.max(0, Math.min(width - wide, at - wide / 2));
  c.fillStyle = p.row;
  c.fillRect(left, 0, wide, SCALE_HEIGHT - 2);
  c.fillStyle = p.text;
  c.fillText(label, left + 4, SCALE_HEIGHT / 2 - 1);
}
