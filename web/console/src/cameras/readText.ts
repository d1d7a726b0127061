/** Text of a chosen file. Lists from Windows are often GB 18030 and not UTF-8. */
import { showError } from "@/shared/messages";
import { t } from "@/shared/i18n";

const MOST_BYTES = 2_000_000;

/** Returns null, after saying so, where the file is too large. */
export async function readText(file: Blob): Promise<string | null> {
  if (file.size > MOST_BYTES) {
    showError(new Error(t("cameras.tooLarge", { n: MOST_BYTES / 1_000_000 })));
    return null;
  }
  return decoded(await file.arrayBuffer());
}

export function decoded(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("gb18030").decode(bytes);
  }
}
