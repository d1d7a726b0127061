/** A picture in full size to keep: the station burns the viewer's name into it and writes an audit row. */
import { download, save } from "@/api/client";

import type { StreamKind } from "./livePlayer";

/** `moment`: ms; null: the newest picture. Throws ApiError. */
export async function saveSnapshot(camera: string, stream: StreamKind, moment: number | null): Promise<void> {
  const query = new URLSearchParams({ watermark: "true", stream });
  if (moment !== null) query.set("at", new Date(moment).toISOString());
  save(await download(`/api/cameras/${camera}/snapshot?${query}`));
}
