/** Whether a person uses this page, so that timers do not keep a session alive that nobody uses. */

const IN_USE_MS = 60_000;
const EVENTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];
const SHARE_MS = 5_000;
let lastInput = Date.now();
let lastShared = 0;
let lastTold = Date.now();

// Whoever works in one window of the console watches the wall in another.
const windows = new BroadcastChannel("activity");
windows.onmessage = () => (lastInput = Date.now());

/** Seconds since somebody touched mouse, keys or screen, in any window of the console. */
export const secondsWithoutInput = (): number => (Date.now() - lastInput) / 1000;

export const isInUse = (): boolean => Date.now() - lastInput < IN_USE_MS;

/** Watch for input; `tell` is called at most once a minute while there is some, for pages that ask the station nothing. */
export function watchActivity(tell: () => void): void {
  const used = (): void => {
    lastInput = Date.now();
    if (lastInput - lastShared > SHARE_MS) windows.postMessage((lastShared = lastInput));
    if (lastInput - lastTold < IN_USE_MS) return;
    lastTold = lastInput;
    tell();
  };
  for (const name of EVENTS) window.addEventListener(name, used, { capture: true, passive: true });
}
