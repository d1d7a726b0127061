import { ApiError, UNREACHABLE } from "@/api/errors";

import { worded } from "./errorParameters";
import { i18n, t } from "./i18n";

/** The sentence of a failure in the chosen language. */
export function sentenceOf(problem: unknown): string {
  if (!(problem instanceof ApiError)) return problem instanceof Error ? problem.message : String(problem);
  if (problem.code === UNREACHABLE) return t("shared.unreachable");
  const key = `errors.${problem.code}`;
  // A newer station may send a code that this console does not know: its English sentence is better than none.
  return problem.code && i18n.global.te(key) ? i18n.global.t(key, worded(problem.params)) : problem.message;
}
