import { t } from "@/shared/i18n";

import type { Announcement } from "./livePlayer";

/** Name of a codec as RFC 6381 writes it: "avc1.42c01e" is H.264. */
export function codecName(codecs: string): string {
  if (/^avc[13]/.test(codecs)) return "H.264";
  return /^(hvc1|hev1)/.test(codecs) ? "H.265" : (codecs.split(".")[0] ?? "");
}

/** H.265 1920×1080, with what the station made of it. */
export function describeStream(facts: Announcement): string {
  const codecs = facts.source_codecs ?? facts.codecs;
  const [width, height] = [facts.source_width ?? facts.width, facts.source_height ?? facts.height];
  const size = width && height ? ` ${width}×${height}` : "";
  return `${codecName(codecs)}${size}${facts.transcoded ? ` ${t("wall.transcoded")}` : ""}`;
}
