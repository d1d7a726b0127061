/** What the console tells at the edge of the screen: failures, and things that were done. */
import { ElMessage } from "element-plus";
import "element-plus/es/components/message/style/css";

import { ApiError, UNREACHABLE } from "@/api/errors";

import { worded } from "./errorParameters";
import { i18n, t } from "./i18n";

const ERROR_MS = 8_000;

/** The sentence of a failure in the console's language. */
export function sentenceOf(problem: unknown): string {
  if (!(problem instanceof ApiError)) return problem instanceof Error ? problem.message : String(problem);
  if (problem.code === UNREACHABLE) return t("shared.unreachable");
  const key = `errors.${problem.code}`;
  // A newer station may send a code that this console does not know: its English sentence is better than none.
  return problem.code && i18n.global.te(key) ? i18n.global.t(key, worded(problem.params)) : problem.message;
}

export function showError(problem: unknown): void {
  ElMessage({ type: "error", message: sentenceOf(problem), duration: ERROR_MS, showClose: true, grouping: true });
}

export function showDone(text: string): void {
  ElMessage({ type: "success", message: text, duration: 3_000, grouping: true });
}
