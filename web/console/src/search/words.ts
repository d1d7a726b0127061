/** A sighting and a filter in the officer's words. */
import type { Filter, SightingView } from "@/api/schema";
import { t, term } from "@/shared/i18n";
import { dateTime } from "@/shared/time";
import { useResources } from "@/shell/resources";

import { type Chip, chipsOf } from "./filter";

const FAMILIES: Record<string, string> = {
  cls: "cls", not_cls: "cls", upper: "colour", not_upper: "colour", lower: "colour", not_lower: "colour", attribute: "attribute", lacking: "attribute",
  direction: "direction", heading: "heading", speed: "speed", note: "note",
};

export function chipText({ kind, value }: Chip): string {
  const resources = useResources();
  if (kind === "between") return value.split("/").map((at) => (at ? dateTime(at).slice(5, 16) : t("search.open"))).join(" – ");
  if (kind === "village") return resources.villageNames.get(value) ?? value;
  if (kind === "camera") return resources.nameOf(value);
  if (kind === "dwell") return t("search.seconds", { n: value });
  if (kind === "height") return `≥ ${Math.round(Number(value) * 100)} %`;
  if (kind === "infrared" || kind === "mapArea" || kind === "area") return t("search.set");
  return FAMILIES[kind] ? term(FAMILIES[kind], value) : value;
}

/** A filter in one line, for sets that are compared. */
export const toldFilter = (filter: Filter): string => chipsOf(filter).map(chipText).join(" · ") || t("search.all");

/** What the machine says of a sighting: class, colours, attributes, way, plate. */
export function factsOf(hit: SightingView): string[] {
  const colours = [hit.upper, hit.lower].map((list) => list.map((c) => term("colour", c)).join("/"));
  const more = [...hit.tone.map((v) => term("tone", v)), ...hit.attributes.map((a) => term("attribute", a))];
  return [term("cls", hit.cls), ...colours, ...more, hit.direction ? term("direction", hit.direction) : "", hit.plate].filter(Boolean);
}

export const secondsOf = (hit: SightingView): number => Math.round((Date.parse(hit.end) - Date.parse(hit.at)) / 1000);
