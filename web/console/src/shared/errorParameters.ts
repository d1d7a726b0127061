/** Puts the parameters of a refusal into the reader's language, for the texts of i18n/errors.*.json. */
import type { InputProblem } from "@/api/schema";

import { i18n, term } from "./i18n";
import { dateTime } from "./time";

/** Parameters whose values are themselves words of the console, and where those are. */
const TERMS: Record<string, string> = { lacks: "cameras.missing" };

export function worded(params: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, word(name, value)]));
}

function word(name: string, value: unknown): unknown {
  if (name === "fields") return list((value as InputProblem[]).map(problem));
  if (Array.isArray(value)) return list(value.map((one) => (TERMS[name] ? term(TERMS[name], String(one)) : String(one))));
  return name === "at" ? dateTime(String(value)) : value;
}

function problem({ path, kind, limits }: InputProblem): string {
  return `${path} ${i18n.global.t(`input.${kind}`, { ...limits, allowed: list(limits.allowed ?? []) })}`.trim();
}

const list = (parts: string[]): string => parts.join(i18n.global.t("input.separator"));
