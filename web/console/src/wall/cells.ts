/** What the cells of the wall show, as it is written in the page's address. */
import { MAX_CELLS } from "./layouts";

export type CellContent =
  | { show: "nothing" }
  | { show: "camera"; camera: string }
  | { show: "village"; village: string }
  | { show: "tour"; cameras: string[] }
  /** The camera of the newest alert that waits. */
  | { show: "alerts" };

export const NOTHING: CellContent = { show: "nothing" };
const MAX_TOUR = 100;

const DIVIDER = "~"; // between the cameras of a tour
const KNOWN = /^[\w.-]+$/; // ids and codes; anything else in an address is left out

/** Read one cell: "wj-01", "village:wj", "tour:wj-01~wj-02", "alerts:", or nothing. */
export function readCell(text: string): CellContent {
  const [kind, rest = ""] = text.includes(":") ? [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)] : ["camera", text];
  if (kind === "alerts") return { show: "alerts" };
  if (kind === "tour") {
    const cameras = rest.split(DIVIDER).filter((c) => KNOWN.test(c)).slice(0, MAX_TOUR);
    return cameras.length ? { show: "tour", cameras } : NOTHING;
  }
  if (!KNOWN.test(rest)) return NOTHING;
  if (kind === "village") return { show: "village", village: rest };
  return kind === "camera" ? { show: "camera", camera: rest } : NOTHING;
}

export function writeCell(content: CellContent): string {
  switch (content.show) {
    case "camera":
      return content.camera;
    case "village":
      return `village:${content.village}`;
    case "tour":
      return `tour:${content.cameras.join(DIVIDER)}`;
    case "alerts":
      return "alerts:";
    case "nothing":
      return "";
  }
}

export const readCells = (text: string): CellContent[] => (text === "" ? [] : text.split(",").slice(0, MAX_CELLS).map(readCell));

/** Empty cells at the end are not written. */
export const writeCells = (cells: readonly CellContent[]): string => cells.map(writeCell).join(",").replace(/,+$/, "");

/** The cells with one of them replaced. */
export function withCell(cells: readonly CellContent[], index: number, content: CellContent): CellContent[] {
  const next = Array.from({ length: Math.max(cells.length, index + 1) }, (_, i) => cells[i] ?? NOTHING);
  next[index] = content;
  return next;
}

export const swapped = (cells: readonly CellContent[], a: number, b: number): CellContent[] => {
  const [first, second] = [cells[a] ?? NOTHING, cells[b] ?? NOTHING];
  return withCell(withCell(cells, a, second), b, first);
};

/** The first empty one of the cells that the layout shows, looked for from `after` on; -1: there is none. */
export function nextEmpty(cells: readonly CellContent[], shown: number, after: number): number {
  for (let i = 1; i <= shown; i++) {
    const at = (after + i) % shown;
    if ((cells[at] ?? NOTHING).show === "nothing") return at;
  }
  return -1;
}
