import type { Rate, VillageToday } from "@/api/schema";
import { duration } from "@/shared/duration";
import { t, term } from "@/shared/i18n";

/** The worst state in a village; unknown where nobody knows of any camera whether it is online. */
export function stateOf(v: VillageToday): "ok" | "attention" | "fault" | "offline" | "unknown" {
  if (v.cameras === 0 || v.unknown === v.cameras) return "unknown";
  if (v.offline > 0) return v.offline === v.cameras ? "offline" : "fault";
  const faults = severityCounts(v);
  if (faults.some(([severity]) => severity === 1)) return "fault";
  return faults.length || v.unknown ? "attention" : "ok";
}

/** Open faults by severity, the worst (1) first. */
export const severityCounts = (v: VillageToday): [number, number][] =>
  Object.entries(v.open_faults).map(([severity, n]) => [Number(severity), Number(n)] as [number, number]).filter(([, n]) => n > 0).sort(([a], [b]) => a - b);

export function totals(villages: VillageToday[]): { cameras: number; online: number; faults: number } {
  const sum = (of: (v: VillageToday) => number): number => villages.reduce((n, v) => n + of(v), 0);
  return { cameras: sum((v) => v.cameras), online: sum((v) => v.online), faults: sum((v) => severityCounts(v).reduce((n, [, count]) => n + count, 0)) };
}

/** Of what a rate is the rate, in words; why there is none. */
export function basisOf(rate: Rate | undefined): string {
  if (!rate) return "";
  if (rate.value === null) return rate.reason ? term("today.noRate", rate.reason) : "";
  const amount = (n: number): string => (rate.unit === "seconds" ? duration(n) : t("today.cameraDays", { n }));
  const parts = [t("today.basis", { part: amount(rate.numerator), whole: amount(rate.denominator) })];
  if (rate.cameras_not_observed) parts.push(t("today.notObserved", { n: rate.cameras_not_observed, of: rate.cameras }));
  return parts.join("\n");
}
