/** Whether a person uses this page, so that timers do not keep a session alive that nobody uses. */

const IN_USE_MS = 60_000;
const EVENTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];
let lastInput = Date.now();
let lastTold = Date.now();

export const isInUse = (): boolean => Date.now() - lastInput < IN_USE_MS;

/** Watch for input; `tell` is called at most once a minute while there is some, for pages that ask the station nothing. */
export function watchActivity(tell: () => void): void {
  const used = (): void => {
    lastInput = Date.now();
    if (lastInput - lastTold < IN_USE_MS) return;
    lastTold = lastInput;
    tell();
  };
  for (const name of EVENTS) window.addEventListener(name, used, { capture: true, passive: true });
}
