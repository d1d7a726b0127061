/** Saved views of the wall, between the station's form and the page's. */
import type { WallCellBodyInput } from "@/api/schema";

import { type CellContent, NOTHING } from "./cells";
import { TOUR_SECONDS } from "./useTour";

export function toBody(content: CellContent): WallCellBodyInput {
  switch (content.show) {
    case "camera":
      return { show: "camera", camera: content.camera };
    case "village":
      return { show: "village", village: content.village, seconds: TOUR_SECONDS };
    case "tour":
      return { show: "tour", cameras: content.cameras, seconds: TOUR_SECONDS };
    case "alerts":
      return { show: "alerts" };
    case "nothing":
      return { show: "empty" };
  }
}

export function fromBody(cell: WallCellBodyInput): CellContent {
  if (cell.show === "camera" && cell.camera) return { show: "camera", camera: cell.camera };
  if (cell.show === "village" && cell.village) return { show: "village", village: cell.village };
  if (cell.show === "tour" && cell.cameras?.length) return { show: "tour", cameras: cell.cameras };
  return cell.show === "alerts" ? { show: "alerts" } : NOTHING;
}

/** The cameras of a view as one tour, for a cell that shows the whole view. */
export function tourOf(cameras: string[]): CellContent {
  return cameras.length ? { show: "tour", cameras } : NOTHING;
}
