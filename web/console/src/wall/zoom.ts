/** Digital zoom of one cell: which part of the picture fills it. */

export interface View {
  scale: number;
  /** Where the picture's top left corner lies, in widths and heights of the cell; never inside the cell. */
  x: number;
  y: number;
}

export const WHOLE: View = { scale: 1, x: 0, y: 0 };
const MAX_SCALE = 8;

const within = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
const inside = ({ scale, x, y }: View): View => ({ scale, x: within(x, 1 - scale, 0), y: within(y, 1 - scale, 0) });

/** Zoom by a factor; the point (px, py) of the cell, each 0 to 1, keeps showing the same spot. */
export function zoomedAt(view: View, factor: number, px: number, py: number): View {
  const scale = within(view.scale * factor, 1, MAX_SCALE);
  const by = scale / view.scale;
  return inside({ scale, x: px - (px - view.x) * by, y: py - (py - view.y) * by });
}

/** Move the picture, in widths and heights of the cell. */
export const panned = (view: View, dx: number, dy: number): View => inside({ ...view, x: view.x + dx, y: view.y + dy });

export const transformOf = ({ scale, x, y }: View): string => (scale === 1 ? "none" : `translate(${x * 100}%, ${y * 100}%) scale(${scale})`);
