/** How the wall is divided into cells. */

export interface Layout {
  columns: number;
  rows: number;
  cells: number;
  /** Columns and rows that the first cell takes; the others take one each. */
  first: number;
}

export const LAYOUT_NAMES = ["1", "4", "6", "9", "16", "25", "1+5", "1+7"] as const;
export type LayoutName = (typeof LAYOUT_NAMES)[number];

export const LAYOUTS: Record<LayoutName, Layout> = {
  "1": { columns: 1, rows: 1, cells: 1, first: 1 },
  "4": { columns: 2, rows: 2, cells: 4, first: 1 },
  "6": { columns: 3, rows: 2, cells: 6, first: 1 },
  "9": { columns: 3, rows: 3, cells: 9, first: 1 },
  "16": { columns: 4, rows: 4, cells: 16, first: 1 },
  "25": { columns: 5, rows: 5, cells: 25, first: 1 },
  "1+5": { columns: 3, rows: 3, cells: 6, first: 2 },
  "1+7": { columns: 4, rows: 4, cells: 8, first: 3 },
};

export const MAX_CELLS = 25;

export const layoutNamed = (text: string | undefined): LayoutName => LAYOUT_NAMES.find((name) => name === text) ?? "4";

/** The smallest even division that shows so many cells. */
export const layoutFor = (cells: number): LayoutName => (["1", "4", "6", "9", "16"] as const).find((name) => LAYOUTS[name].cells >= cells) ?? "25";
