import { afterEach, describe, expect, it, vi } from "vitest";
import { effectScope } from "vue";

import { handleKey, nameOf, useShortcuts } from "./keys";

const press = (key: string, on: Element = document.body, given: KeyboardEventInit = {}): KeyboardEvent => {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...given });
  Object.defineProperty(event, "target", { value: on });
  handleKey(event);
  return event;
};

describe("shortcuts", () => {
  const scope = effectScope();
  const run = vi.fn();
  scope.run(() => useShortcuts(() => "page", [{ key: "j", label: () => "next", run }]));
  afterEach(() => {
    document.body.innerHTML = "";
    run.mockClear();
  });

  it("run on the page and not while one types", () => {
    press("j");
    expect(run).toHaveBeenCalledTimes(1);
    document.body.innerHTML = "<input>";
    press("j", document.querySelector("input")!);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it("run although a closed dialog is still in the document, and not behind an open one", () => {
    document.body.innerHTML = '<div class="el-overlay-dialog"></div>';
    const dialog = document.querySelector(".el-overlay-dialog")!;
    dialog.getClientRects = () => [] as unknown as DOMRectList;
    press("j");
    expect(run).toHaveBeenCalledTimes(1);
    dialog.getClientRects = () => [new DOMRect()] as unknown as DOMRectList;
    press("j");
    expect(run).toHaveBeenCalledTimes(1);
    dialog.classList.add("dialog-fade-leave-active"); // closed, and fading away: a key pressed now is meant for the page
    press("j");
    expect(run).toHaveBeenCalledTimes(2);
  });

  it("are named with their modifiers", () => {
    expect(nameOf(new KeyboardEvent("keydown", { key: "ArrowLeft", shiftKey: true }))).toBe("shift+arrowleft");
    expect(nameOf(new KeyboardEvent("keydown", { key: "K", ctrlKey: true }))).toBe("ctrl+k");
    expect(nameOf(new KeyboardEvent("keydown", { key: "?", shiftKey: true }))).toBe("?");
  });
});
