import { ago } from "@/shared/duration";

/** How long ago something was by the station's clock, as 12 秒前. */
export const age = (instant: string, now: number): string => ago(instant, Math.max(now, Date.parse(instant)));
