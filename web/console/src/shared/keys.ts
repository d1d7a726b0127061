/** Keyboard shortcuts of the page that is shown; `?` lists them. */
import { onScopeDispose, reactive } from "vue";

export interface Shortcut {
  /** As KeyboardEvent.key, in lower case, with modifiers first: "j", "shift+arrowleft", "ctrl+k". */
  key: string;
  /** What it does, in the console's language. */
  label: () => string;
  run: (event: KeyboardEvent) => void;
  /** Also while one types into a field. */
  whileTyping?: boolean;
}

const groups = reactive(new Map<symbol, { title: () => string; shortcuts: Shortcut[] }>());

/** Groups of shortcuts, the newest first: what lies above a page comes before it. */
export const shortcutGroups = (): { title: () => string; shortcuts: Shortcut[] }[] => [...groups.values()].reverse();

/** Register shortcuts while the component lives. */
export function useShortcuts(title: () => string, shortcuts: Shortcut[]): void {
  const mine = Symbol("shortcuts");
  groups.set(mine, { title, shortcuts });
  onScopeDispose(() => groups.delete(mine));
}

const FIELDS = "input, textarea, select, [contenteditable=true]";
const BUTTONS = "button, a, [role=button], [role=tab], [role=option], [role=menuitem]";

/** Name of a pressed key as `Shortcut.key` writes it. */
export function nameOf(event: KeyboardEvent): string {
  const name = event.key.toLowerCase();
  const shifted = event.shiftKey && (name.length > 1 || /[a-z]/.test(name)); // "?" is typed with Shift already
  return `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${event.altKey ? "alt+" : ""}${shifted ? "shift+" : ""}${name}`;
}

/** Whether a dialog is in front of the page. Closed ones stay in the document, without a box; one that fades away is closed. */
function dialogIsOpen(): boolean {
  const dialogs = [...document.querySelectorAll(".el-overlay-dialog, [aria-modal=true]")];
  return dialogs.some((dialog) => dialog.getClientRects().length > 0 && !dialog.closest("[class*=-leave-active]"));
}

/** Run the shortcut of a pressed key, unless something else has a better claim to it. */
export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const target = event.target instanceof Element ? event.target : null;
  const typing = target?.closest(FIELDS) !== null && target !== null;
  const presses = (event.key === "Enter" || event.key === " ") && target !== null && target.closest(BUTTONS) !== null;
  const behindDialog = dialogIsOpen();
  const name = nameOf(event);
  for (const { shortcuts } of shortcutGroups()) {
    const found = shortcuts.find((s) => s.key === name);
    if (!found) continue;
    if (!found.whileTyping && (typing || presses || behindDialog)) return;
    event.preventDefault();
    found.run(event);
    return;
  }
}
