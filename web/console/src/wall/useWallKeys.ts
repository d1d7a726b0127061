/** The wall's keyboard: everything acts on the selected cell. */
import { t } from "@/shared/i18n";
import { type Shortcut, useShortcuts } from "@/shared/keys";

import type { useWall } from "./useWall";

const DIGITS_MS = 700; // within which a second digit belongs to the first

export interface CellActions {
  enlarge(index: number): void;
  freeze(): void;
  replay(): void;
  /** Put the keyboard's focus on the selected cell. */
  focus(): void;
  camera(): string;
  snapshot(): void;
  fault: ((camera: string) => void) | null;
  sighting: ((camera: string) => void) | null;
  map(camera: string): void;
}

/** Reads cell numbers that are typed as one or two digits. Returns the index of a cell, or -1. */
export class DigitReader {
  private typed = "";
  private at = -Infinity;

  read(digit: string, now: number, cells: number): number {
    const both = now - this.at < DIGITS_MS ? this.typed + digit : digit;
    this.at = now;
    this.typed = Number(both) <= cells ? both : digit;
    const number = Number(this.typed);
    return number >= 1 && number <= cells ? number - 1 : -1;
  }
}

export function useWallKeys(wall: ReturnType<typeof useWall>, actions: CellActions): void {
  const digits = new DigitReader();
  const withCamera = (act: (camera: string) => void) => (): void => {
    const camera = actions.camera();
    if (camera) act(camera);
  };
  const select = (index: number): void => {
    if (index < 0 || index >= wall.shape.value.cells) return;
    wall.select(index);
    actions.focus();
  };

  const shortcuts: Shortcut[] = [
    ...[..."0123456789"].map((digit): Shortcut => ({ key: digit, label: () => t("wall.select"), run: () => select(digits.read(digit, Date.now(), wall.shape.value.cells)) })),
    { key: "arrowleft", label: () => t("wall.move"), run: () => select(wall.selected.value - 1) },
    { key: "arrowright", label: () => t("wall.move"), run: () => select(wall.selected.value + 1) },
    { key: "arrowup", label: () => t("wall.move"), run: () => select(wall.selected.value - wall.shape.value.columns) },
    { key: "arrowdown", label: () => t("wall.move"), run: () => select(wall.selected.value + wall.shape.value.columns) },
    { key: "enter", label: () => t("wall.enlarge"), run: () => actions.enlarge(wall.selected.value) },
    { key: "escape", label: () => t("wall.restore"), run: () => wall.big.value !== null && actions.enlarge(wall.big.value) },
    { key: " ", label: () => t("wall.freeze"), run: actions.freeze },
    { key: "s", label: () => t("wall.snapshot"), run: actions.snapshot },
    { key: "p", label: () => t("wall.replay"), run: actions.replay },
    { key: "delete", label: () => t("wall.clear"), run: () => wall.put(wall.selected.value, { show: "nothing" }) },
  ];
  shortcuts.push({ key: "m", label: () => t("wall.onMap"), run: withCamera(actions.map) });
  const { sighting, fault } = actions;
  if (fault) shortcuts.push({ key: "f", label: () => t("wall.fault"), run: withCamera(fault) });
  if (sighting) shortcuts.push({ key: "a", label: () => t("wall.sighting"), run: withCamera(sighting) });
  useShortcuts(() => t("wall.title"), shortcuts);
}
