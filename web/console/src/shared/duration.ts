import { t } from "./i18n";
import { durationParts } from "./time";

/** 19 分钟, 3 小时, 2 天 */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "—";
  const { n, unit } = durationParts(seconds);
  return t(`shared.${unit}`, { n });
}

/** How long ago something was, as 3 分钟前. */
export const ago = (instant: string | Date, now = Date.now()): string =>
  t("shared.ago", { duration: duration((now - new Date(instant).getTime()) / 1000) });
