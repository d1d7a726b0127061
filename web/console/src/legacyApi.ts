/** The station's HTTP API. Shapes follow /api/openapi.json. */

import { ApiError, refusalOf } from "@/api/errors";
import { isInUse } from "@/shared/activity";
import { sentenceOf } from "@/shared/messages";

export { ApiError } from "@/api/errors";

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

const SESSION_ENDS = ["idle", "too_old", "replaced", "revoked"];

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
    if (path !== "/api/session" && (SESSION_ENDS.includes(refusal.code) || refusal.code === "password" || refusal.code === "second_factor")) shutOut(refusal);
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
