/** What the console tells at the edge of the screen: failures, and things that were done. */
import { ElMessage } from "element-plus";
import "element-plus/es/components/message/style/css";

import { sentenceOf } from "./sentences";

export { sentenceOf } from "./sentences";

const ERROR_MS = 8_000;

export function showError(problem: unknown): void {
  ElMessage({ type: "error", message: sentenceOf(problem), duration: ERROR_MS, showClose: true, grouping: true });
}

export function showDone(text: string): void {
  ElMessage({ type: "success", message: text, duration: 3_000, grouping: true });
}
