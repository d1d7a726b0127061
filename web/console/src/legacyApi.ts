/** The station's HTTP API. Shapes follow /api/openapi.json. */

import { ApiError, refusalOf } from "@/api/errors";
import { isInUse } from "@/shared/activity";
import { sentenceOf } from "@/shared/messages";

export { ApiError } from "@/api/errors";

export interface Me {
  name: string;
  display_name: string;
  role: string;
  villages: string[] | null;
  permissions: string[];
  purpose: string;
  recent_purpose: string;
  station: string;
  must_change: boolean;
  ask_after_seconds: number;
}

export interface StreamView {
  id: string;
  kind: "main" | "sub";
  codec: string | null;
  width: number | null;
  height: number | null;
  state: string;
  engine: string;
  cause: string;
  fps: number;
  bitrate: number;
  lost_packets: number;
  foreign_packets: number;
  skipped_units: number;
  damaged_pictures: number;
  duplicate_packets: number;
  start_points: number;
  held_back: number;
  short_holes: number;
  short_hole_seconds: number;
  clock_offset: number | null;
  last_picture: string | null;
}

export type State = "ok" | "attention" | "unknown" | "fault" | "offline";

export interface CameraView {
  id: string;
  name: string;
  village: string;
  state: State;
  faults: string[];
  ptz: boolean;
  streams: StreamView[];
}

export interface TreeCamera {
  id: string;
  name: string;
  number: string;
  state: State;
  kind: "fixed" | "dome" | "unknown";
  sub: boolean;
  position: [number, number] | null;
  faults: string[];
}

export interface VillageView {
  code: string;
  name: string;
  online: number;
  recorded: number;
  total: number;
  state: State;
  cameras: TreeCamera[];
}

export interface Tree {
  version: string;
  position: number;
  villages: VillageView[];
}

export interface Span {
  start: string;
  end: string;
  cause: string;
}

export interface FaultView {
  id: number;
  camera: string;
  camera_name: string;
  village: string;
  family: string;
  chinese: string;
  state: string;
  severity: number;
  figures: Record<string, unknown>;
  times: number;
  verdict: string | null;
  acknowledged_by: string | null;
  order: number | null;
  first_seen: string;
  opened_at: string | null;
  closed_at: string | null;
  has_picture: boolean;
  has_reference: boolean;
}

export interface WorkOrder {
  id: number;
  village: string | null;
  camera: string | null;
  title: string;
  state: string;
  severity: number;
  vendor: string;
  assignee: string;
  created_at: string;
  mend_by: string;
  mended_at: string | null;
  reopened: number;
  cost: number | null;
  warranty: boolean;
  late: boolean;
}

export interface OrderNote {
  at: string;
  by: string;
  step: string;
  text: string;
}

export interface OwnOrder {
  id: number;
  title: string;
  village: string;
  place: string;
  state: string;
  mend_by: string;
  reopened: number;
  warranty: boolean;
  late: boolean;
  photos: number[];
  has_still: boolean;
}

export interface DayRegister {
  day: string;
  figures: Record<string, unknown>;
  signed_by: string | null;
  signed_at: string | null;
  digest: string | null;
  patrolled: boolean;
  over: boolean;
  problem: string;
  supplements: { number: number; signed_by: string }[];
  later: { faults: unknown[] } | null;
}

export interface Learning {
  count: number;
  until: string | null;
  overdue: { camera: string; name: string; village: string; since: string }[]; // the first of them
  overdue_count: number;
}

/** Cameras in use, and those that the patrol has not inspected for a day. */
export interface InspectionCoverage {
  cameras: number;
  not_inspected: number;
  never: number;
  since: string | null;
  last: string | null;
}

export interface PatrolRound {
  id: number;
  asked_at: string;
  asked_by: string;
  started_at: string | null;
  finished_at: string | null;
  cameras: number | null; // null, with the next two, where the round goes beyond one's villages
  looked: number | null;
  faulty: number | null;
}

export interface AlertView {
  id: number;
  title: string;
  cls: string;
  upper: string | null;
  lower: string | null;
  camera: string;
  camera_name: string;
  village: string;
  seen_at: string;
  state: string;
  acked_by: string | null;
  acked_at: string | null;
  answer: string | null;
  note: string;
  has_picture: boolean;
}

const SESSION_ENDS = ["idle", "too_old", "revoked"];

let shutOut: (refusal: ApiError) => void = () => undefined;

/** What to do where the session has ended, or the password has to be changed first. */
export function onShutOut(listener: (refusal: ApiError) => void): void {
  shutOut = listener;
}

let purposeNeeded: () => void = () => undefined;

/** What to do where the station refuses a look because the session states no purpose. */
export function onPurposeNeeded(listener: () => void): void {
  purposeNeeded = listener;
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { "X-Minwang": "1" };
  if (!isInUse()) headers["X-Minwang-Poll"] = "1"; // a timer asks: that must not keep the session alive
  const file = body instanceof Blob;
  if (body !== undefined) headers["Content-Type"] = file ? body.type || "application/octet-stream" : "application/json";
  const reply = await fetch(path, { method, headers, body: body === undefined || file ? body : JSON.stringify(body) });
  if (!reply.ok) {
    const refusal = refusalOf(reply.status, await reply.json().catch(() => undefined));
    if (refusal.code === "purpose") purposeNeeded();
    if (path !== "/api/session" && (SESSION_ENDS.includes(refusal.code) || refusal.code === "password")) shutOut(refusal);
    throw new ApiError(refusal.status, refusal.code, sentenceOf(refusal), refusal.params);
  }
  return (await reply.json()) as T;
}

export const api = {
  get: <T>(path: string, query: Record<string, string | undefined> = {}) => call<T>("GET", withQuery(path, query)),
  post: <T>(path: string, body: unknown = {}) => call<T>("POST", path, body),
  send: <T>(path: string, file: Blob) => call<T>("POST", path, file),
  delete: (path: string) => call<unknown>("DELETE", path),
};

export function withQuery(path: string, query: Record<string, string | undefined>): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

export const socketAddress = (path: string): string => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
