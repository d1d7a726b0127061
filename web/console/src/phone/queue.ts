/**
 * What an officer did with alerts and the station does not know yet.
 *
 * Each step gets an id and the station's time when it is made, is stored before it is sent, and is removed when the
 * station has answered. Steps are sent in their order, one at a time; the station applies each id once. What it refuses
 * stays, with the reason, until the officer has read it. While the station is away, or the session is over, steps wait.
 */
import { ApiError } from "@/api/errors";
import type { AlertAnswer } from "@/api/schema";

import type { Point } from "./geodesy";

export type Step =
  | { kind: "ack" }
  | { kind: "arrive" }
  | { kind: "decline"; reason: string }
  | { kind: "answer"; result: AlertAnswer; note: string };

export interface Place extends Point {
  accuracy: number | null; // m
}

export interface QueuedStep {
  id: string;
  /** Steps are sent in this order. */
  order: number;
  account: string;
  alert: number;
  title: string;
  step: Step;
  /** When it was made, by the station's clock, ms. */
  at: number;
  place: Place | null;
  /** Why the station refused it; null: it waits. */
  refusal: { code: string; message: string; params: Record<string, unknown> } | null;
}

/** Where steps are kept while the page is closed. */
export interface StepStore {
  all(): Promise<QueuedStep[]>;
  put(step: QueuedStep): Promise<void>;
  remove(id: string): Promise<void>;
}

/** No answer, the session is over, too many requests, or a failure of the station: the step itself was not judged. */
export const isTemporary = (problem: unknown): boolean =>
  !(problem instanceof ApiError) || [0, 401, 408, 429].includes(problem.status) || problem.status >= 500 || problem.code === "password";

/** A UUID of version 4; crypto.randomUUID exists only where the page came over HTTPS. */
export function newId(random: (into: Uint8Array) => void = (into) => void crypto.getRandomValues(into)): string {
  const bytes = new Uint8Array(16);
  random(bytes);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export class StepQueue {
  steps: QueuedStep[] = [];
  private flushing: Promise<void> | null = null;
  private again = false;

  constructor(
    private readonly store: StepStore,
    private readonly send: (step: QueuedStep) => Promise<void>,
    private readonly changed: () => void,
  ) {}

  /** Read what was kept from before. */
  async load(): Promise<void> {
    this.steps = (await this.store.all()).sort((a, b) => a.order - b.order);
    this.changed();
  }

  /** Keep a step; the caller sends it with `flush`. */
  async add(step: Omit<QueuedStep, "id" | "order" | "refusal">): Promise<QueuedStep> {
    const order = (this.steps.at(-1)?.order ?? 0) + 1;
    const kept: QueuedStep = { ...step, id: newId(), order, refusal: null };
    this.steps = [...this.steps, kept];
    this.changed();
    await this.store.put(kept);
    return kept;
  }

  /** Send what waits of an account, oldest first, until one does not get through. Called again meanwhile, it goes round once more. */
  flush(account: string): Promise<void> {
    this.again = true;
    this.flushing ??= this.sendAll(account).finally(() => (this.flushing = null));
    return this.flushing;
  }

  private async sendAll(account: string): Promise<void> {
    while (this.again) {
      this.again = false;
      for (let next = this.next(account); next; next = this.next(account)) if (!(await this.sendOne(next))) return;
    }
  }

  private next = (account: string): QueuedStep | undefined => this.steps.find((s) => s.account === account && s.refusal === null);

  /** Returns false where the station could not judge it: what follows waits as well. */
  private async sendOne(step: QueuedStep): Promise<boolean> {
    try {
      await this.send(step);
    } catch (problem) {
      if (isTemporary(problem) || !(problem instanceof ApiError)) return false;
      const { code, message, params } = problem;
      await this.replace({ ...step, refusal: { code, message, params: { ...params } } });
      return true;
    }
    await this.drop(step.id);
    return true;
  }

  /** The officer has read why it was refused. */
  async dismiss(id: string): Promise<void> {
    if (this.steps.some((s) => s.id === id && s.refusal !== null)) await this.drop(id);
  }

  private async replace(step: QueuedStep): Promise<void> {
    this.steps = this.steps.map((s) => (s.id === step.id ? step : s));
    this.changed();
    await this.store.put(step);
  }

  private async drop(id: string): Promise<void> {
    this.steps = this.steps.filter((s) => s.id !== id);
    this.changed();
    await this.store.remove(id);
  }
}
