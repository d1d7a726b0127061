/** What the console tells at the edge of the screen: failures, and things that were done. */
import { ElMessage } from "element-plus";
import "element-plus/es/components/message/style/css";

import { ApiError, UNREACHABLE } from "@/api/errors";

import { i18n, t } from "./i18n";

const ERROR_MS = 8_000;

/** The sentence of a failure in the console's language. */
export function sentenceOf(problem: unknown): string {
  if (!(problem instanceof ApiError)) return problem instanceof Error ? problem.message : String(problem);
  if (problem.code === UNREACHABLE) return t("shared.unreachable");
  const key = `errors.${problem.code}`;
  if (problem.code && i18n.global.te(key)) return i18n.global.t(key, problem.params);
  const old = `refusal.${problem.code}`;
  return problem.code && i18n.global.te(old) ? i18n.global.t(old) : problem.message;
}

export function showError(problem: unknown): void {
  ElMessage({ type: "error", message: sentenceOf(problem), duration: ERROR_MS, showClose: true, grouping: true });
}

export function showDone(text: string): void {
  ElMessage({ type: "success", message: text, duration: 3_000, grouping: true });
}
