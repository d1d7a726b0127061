/** What is dropped on a cell: a camera, village or saved view, or another cell. */
import { CAMERA_DRAG, VIEW_DRAG, VILLAGE_DRAG } from "@/shell/treeRows";

import type { CellContent } from "./cells";
import { tourOf } from "./savedViews";

export const CELL_DRAG = "application/x-minwang-cell";

export type Dropped = { content: CellContent } | { from: number };

export function dropped(data: DataTransfer | null): Dropped | null {
  const camera = data?.getData(CAMERA_DRAG);
  if (camera) return { content: { show: "camera", camera } };
  const village = data?.getData(VILLAGE_DRAG);
  if (village) return { content: { show: "village", village } };
  const view = data?.getData(VIEW_DRAG);
  if (view) return { content: tourOf(JSON.parse(view) as string[]) };
  const cell = data?.getData(CELL_DRAG);
  return cell ? { from: Number(cell) } : null;
}

const DRAGGED = [CAMERA_DRAG, VILLAGE_DRAG, VIEW_DRAG, CELL_DRAG];
export const mayDrop = (data: DataTransfer | null): boolean => DRAGGED.some((type) => data?.types.includes(type));
