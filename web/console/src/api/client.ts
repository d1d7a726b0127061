/** The station's HTTP API, typed by the generated schema. Every request goes through `request`. */
import createClient from "openapi-fetch";

import { isInUse } from "@/shared/activity";

import { ApiError, refusalOf, UNREACHABLE } from "./errors";
import type { paths } from "./schema";

/** A page of another site cannot set this header (CSRF). */
export const OWN_SITE_HEADER = "X-Minwang";
const POLL_HEADER = "X-Minwang-Poll"; // a timer asks: that must not keep a session alive that nobody uses

export const http = createClient<paths>({ baseUrl: location.origin, headers: { [OWN_SITE_HEADER]: "1" } });
http.use({
  onRequest({ request }) {
    if (!isInUse()) request.headers.set(POLL_HEADER, "1");
    return request;
  },
});

interface Reply<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** What the shell does about refusals after which a person can do something. */
export interface Remedies {
  /** The session has ended, or the password must be changed or a second factor set up first: leads there. */
  sessionOver(refusal: ApiError): void;
  /** Ask for a purpose. Resolves to whether one was stated, so that the request is sent again. */
  statePurpose(): Promise<boolean>;
  /** Ask for a one-time code. Resolves to whether one was given, so that the request is sent again. */
  giveCode(): Promise<boolean>;
}

let remedies: Remedies = { sessionOver: () => undefined, statePurpose: () => Promise.resolve(false), giveCode: () => Promise.resolve(false) };

export function setRemedies(of: Remedies): void {
  remedies = of;
}

/**
 * Send a request and return its answer. Where a purpose or a one-time code is needed it is asked for, and the request goes on.
 * Throws ApiError, also where the station cannot be reached.
 */
export async function request<T>(send: () => Promise<Reply<T>>): Promise<T> {
  const first = await attempt(send);
  if (!(first instanceof ApiError)) return first.data;
  if ((first.code === "purpose" && (await remedies.statePurpose())) || (first.code === "second_factor_code" && (await remedies.giveCode()))) {
    const second = await attempt(send);
    if (!(second instanceof ApiError)) return second.data;
    throw second;
  }
  if (first.status === 401 || first.code === "password" || first.code === "second_factor") remedies.sessionOver(first);
  throw first;
}

async function attempt<T>(send: () => Promise<Reply<T>>): Promise<{ data: T } | ApiError> {
  let reply: Reply<T>;
  try {
    reply = await send();
  } catch (problem) {
    if (problem instanceof DOMException && problem.name === "AbortError") throw problem;
    return new ApiError(0, UNREACHABLE, problem instanceof Error ? problem.message : String(problem));
  }
  if (!reply.response.ok) return refusalOf(reply.response.status, reply.error);
  return { data: reply.data as T };
}

/** Upload a file, which the generated client would send as JSON. */
export async function upload<T>(path: string, file: Blob): Promise<T> {
  const headers = { [OWN_SITE_HEADER]: "1", "Content-Type": file.type || "application/octet-stream" };
  return request<T>(async () => {
    const response = await fetch(path, { method: "POST", headers, body: file });
    const body: unknown = await response.json().catch(() => undefined);
    return response.ok ? { data: body as T, response } : { error: body, response };
  });
}

/** Fetch a file with its name, as a download does, so that a refusal is shown and not saved. */
export async function download(path: string, init: RequestInit = {}): Promise<{ blob: Blob; name: string }> {
  const headers = { ...init.headers, [OWN_SITE_HEADER]: "1" };
  return request(async () => {
    const response = await fetch(path, { ...init, headers });
    if (!response.ok) return { error: await response.json().catch(() => undefined), response };
    const name = /filename\*?=(?:UTF-8'')?"?([^";]+)/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "";
    return { data: { blob: await response.blob(), name: decodeURIComponent(name) }, response };
  });
}

export function save({ blob, name }: { blob: Blob; name: string }): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const socketAddress = (path: string): string =>
  `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
