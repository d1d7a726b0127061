/** Downloads a clip into a file. Where the browser can, its bytes go to the disk as they come and not into memory. */
import { OWN_SITE_HEADER, request, save } from "@/api/client";
import type { ClipBody } from "@/api/schema";

interface FileHandle {
  createWritable(): Promise<WritableStream<Uint8Array>>;
}
type Picker = (options: { suggestedName: string }) => Promise<FileHandle>;

/** Resolves to false if the officer chose no file. `progress`: share of the expected bytes. Throws ApiError. */
export async function saveClip(body: ClipBody, expected: number, progress: (part: number) => void): Promise<boolean> {
  const several = body.cameras.length > 1;
  const name = `${body.cameras[0]}_${body.start.slice(0, 19).replaceAll(":", "")}.${several ? "zip" : "mp4"}`;
  const pick = (window as { showSaveFilePicker?: Picker }).showSaveFilePicker;
  let file: FileHandle | null = null;
  if (pick) {
    try {
      file = await pick({ suggestedName: name }); // first, while the click still counts as the officer's
    } catch (problem) {
      if (problem instanceof DOMException && problem.name === "AbortError") return false;
      throw problem;
    }
  }
  const response = await request(async () => {
    const reply = await fetch("/api/clips", { method: "POST", headers: { [OWN_SITE_HEADER]: "1", "Content-Type": "application/json" }, body: JSON.stringify(body) });
    return reply.ok ? { data: reply, response: reply } : { error: await reply.json().catch(() => undefined), response: reply };
  });
  const counted = response.body!.pipeThrough(counting(expected, progress));
  if (file) await counted.pipeTo(await file.createWritable());
  else save({ blob: await new Response(counted).blob(), name });
  return true;
}

/** Passes bytes on and tells how many of the expected ones have come. */
export function counting(expected: number, progress: (part: number) => void): TransformStream<Uint8Array, Uint8Array> {
  let seen = 0;
  return new TransformStream({
    transform(chunk, next) {
      seen += chunk.byteLength;
      progress(expected > 0 ? seen / expected : 0);
      next.enqueue(chunk);
    },
  });
}
