import type { TreeCamera, TreeVillage } from "@/api/schema";
import { fits } from "@/shared/pinyin";

export type TreeRow =
  | { kind: "village"; key: string; village: TreeVillage; open: boolean }
  | { kind: "camera"; key: string; camera: TreeCamera };

/** What a dragged row carries, as types of a DataTransfer. */
export const CAMERA_DRAG = "application/x-minwang-camera";
export const VILLAGE_DRAG = "application/x-minwang-village";

/** The rows of the tree from top to bottom. While one filters, villages with cameras that fit are open, others are left out. */
export function rowsOf(villages: TreeVillage[], closed: ReadonlySet<string>, filter: string): TreeRow[] {
  const typed = filter.trim();
  const rows: TreeRow[] = [];
  for (const village of villages) {
    const whole = typed === "" || fits(typed, village.name, village.code);
    const cameras = whole ? village.cameras : village.cameras.filter((c) => fits(typed, c.name, c.id));
    if (!whole && cameras.length === 0) continue;
    const open = typed !== "" || !closed.has(village.code);
    rows.push({ kind: "village", key: `v-${village.code}`, village, open });
    if (open) for (const camera of cameras) rows.push({ kind: "camera", key: camera.id, camera });
  }
  return rows;
}
