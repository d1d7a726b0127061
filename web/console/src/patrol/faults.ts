/** Faults of the patrol page: their words, order, filters and groups. */
import type { FaultView } from "@/api/schema";
import { i18n, t, term } from "@/shared/i18n";
import { duration } from "@/shared/duration";

export type Grouping = "none" | "village" | "family";

export interface Filter {
  village: string;
  family: string;
  text: string;
}

export interface FaultGroup {
  key: string;
  title: string;
  faults: FaultView[];
}

/** Fields of a fault's figures that are durations in seconds and are said as such. */
const DURATIONS = new Set(["seconds"]);

/** What a fault is, in a sentence with its figures; empty where the family says it all. */
export function detailOf(f: FaultView): string {
  const key = `fault.${f.family}`;
  if (!i18n.global.te(key)) return "";
  const figures: Record<string, unknown> = { ...f.figures };
  for (const name of DURATIONS) if (typeof figures[name] === "number") figures[name] = duration(figures[name]);
  if (typeof figures.kind === "string" && figures.kind) figures.kind = term("patrol.parent", figures.kind);
  if (typeof figures.cause === "string" && figures.cause) figures.cause = term("cause", figures.cause);
  return i18n.global.t(key, figures);
}

/** The worst first, then the oldest. */
export const bySeverity = (a: FaultView, b: FaultView): number => a.severity - b.severity || a.id - b.id;

export function filtered(faults: FaultView[], { village, family, text }: Filter): FaultView[] {
  const wanted = text.trim().toLowerCase();
  return faults.filter(
    (f) => (!village || f.village === village) && (!family || f.family === family)
      && (!wanted || f.camera_name.toLowerCase().includes(wanted) || f.camera.toLowerCase().includes(wanted)),
  );
}

export function grouped(faults: FaultView[], by: Grouping, villageName: (code: string) => string): FaultGroup[] {
  if (by === "none") return [{ key: "", title: "", faults }];
  const found = new Map<string, FaultView[]>();
  for (const f of faults) {
    const key = by === "village" ? f.village : f.family;
    found.set(key, [...(found.get(key) ?? []), f]);
  }
  const title = (key: string): string => (by === "village" ? villageName(key) || t("patrol.noVillage") : term("family", key));
  return [...found].map(([key, members]) => ({ key, title: title(key), faults: members })).sort((a, b) => bySeverity(a.faults[0]!, b.faults[0]!));
}

export const shapeOf = (severity: number): string => (severity === 1 ? "■" : severity === 2 ? "▲" : "△");
