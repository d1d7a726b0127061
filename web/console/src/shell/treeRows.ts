import type { TreeCamera, TreeVillage, WallViewView } from "@/api/schema";
import { fits } from "@/shared/pinyin";

/** What stands above the villages: one's favourite cameras, and saved views of the wall. */
export type TreeGroup = "favourites" | "views";
export type TreeRow =
  | { kind: "group"; key: string; group: TreeGroup; count: number; open: boolean }
  | { kind: "view"; key: string; view: WallViewView }
  | { kind: "village"; key: string; village: TreeVillage; open: boolean }
  | { kind: "camera"; key: string; camera: TreeCamera };

export interface OnTop {
  favourites: readonly TreeCamera[];
  views: readonly WallViewView[];
}
const NOTHING: OnTop = { favourites: [], views: [] };

/** What a dragged row carries, as types of a DataTransfer. */
export const CAMERA_DRAG = "application/x-minwang-camera";
export const VILLAGE_DRAG = "application/x-minwang-village";
/** Of a saved view, its cameras are dragged, as a list in JSON. */
export const VIEW_DRAG = "application/x-minwang-view";

/** The cameras of a view, each once, in the order of its cells. */
export function camerasOf(view: { cells: readonly { camera?: string | null; cameras?: readonly string[] | null }[] }): string[] {
  return [...new Set(view.cells.flatMap((c) => [...(c.camera ? [c.camera] : []), ...(c.cameras ?? [])]))];
}

/** The key under which a group is kept as closed; no village has such a code. */
export const groupKey = (group: TreeGroup): string => `:${group}`;

function topRows(top: OnTop, closed: ReadonlySet<string>, typed: string): TreeRow[] {
  // A favourite stands in its village as well, where the filter finds it.
  const favourites: TreeRow[] = typed ? [] : top.favourites.map((camera) => ({ kind: "camera", key: `favourite-${camera.id}`, camera }));
  const views: TreeRow[] = top.views.filter((v) => typed === "" || fits(typed, v.name, "")).map((view) => ({ kind: "view", key: `view-${view.id}`, view }));
  return ([["favourites", favourites], ["views", views]] as const).flatMap(([group, members]) => {
    if (members.length === 0) return [];
    const open = typed !== "" || !closed.has(groupKey(group));
    return [{ kind: "group", key: groupKey(group), group, count: members.length, open } as const, ...(open ? members : [])];
  });
}

/** The rows of the tree from top to bottom. While one filters, villages with cameras that fit are open, others are left out. */
export function rowsOf(villages: TreeVillage[], closed: ReadonlySet<string>, filter: string, top: OnTop = NOTHING): TreeRow[] {
  const typed = filter.trim();
  const rows: TreeRow[] = topRows(top, closed, typed);
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
