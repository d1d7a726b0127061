/** Short messages at the top of the screen. */
import { ref } from "vue";

import { sentenceOf } from "@/shared/sentences";

const SHOWN_MS = 6_000;

export interface Told {
  text: string;
  kind: "problem" | "done";
}

export const told = ref<Told | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

function show(what: Told): void {
  told.value = what;
  clearTimeout(timer);
  timer = setTimeout(() => (told.value = null), SHOWN_MS);
}

export const showProblem = (problem: unknown): void => show({ text: sentenceOf(problem), kind: "problem" });
export const showNote = (text: string): void => show({ text, kind: "done" });
