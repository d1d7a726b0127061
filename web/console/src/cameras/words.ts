/** Words for what is stored of a camera: fields, values, findings. Nothing is shown as JSON or by its key. */
import type { CameraRow, FindingView, Item, ItemState, JsonValue } from "@/api/schema";
import { language, t, term, termOf } from "@/shared/i18n";
import { dateTime } from "@/shared/time";

/** Groups of the file's facts, in the order in which they are shown. */
export const FACT_GROUPS = {
  basic: ["id", "number", "name", "village", "site", "address", "credential", "purpose"],
  duty: ["owner_kind", "sponsor", "legal_class", "manager_unit", "responsible"],
  upkeep: ["maintainer", "contract", "contract_until", "warranty_until", "installed", "cost", "expected_make", "switch"],
  filing: ["filing_no", "filing_date", "in_use_since", "retention_days"],
  place: ["position", "height_m", "azimuth", "field_of_view", "range_m"],
  device: ["manufacturer", "model", "firmware", "serial", "hardware", "macs", "zone", "ptz", "encoders", "protocols", "notes"],
} as const;

const LONGEST = 160; // characters of one value

export const fieldWord = (field: string): string => term("cameras.field", field.split(".").at(-1));

/** One of the eight checks, as the letter that tests and selectors use: o ok, x failed, . to do. */
export const markOf = (state: ItemState | undefined): string => (state === "ok" ? "o" : state === "failed" ? "x" : ".");
export const marksOf = (row: Pick<CameraRow, "checks">, items: Item[]): string => items.map((item) => markOf(row.checks[item])).join("");

export const legalClass = (value: string | null | undefined): string => term("cameras.legal", value?.replace(".", "_"));

/** A stored value in words; "—" for none. `villageName`: name of a village's code. */
export function valueWord(field: string, value: JsonValue | undefined, villageName: (code: string) => string = (code) => code): string {
  if (value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return "—";
  const name = field.split(".").at(-1)!;
  if (name === "picture" || name === "sign_photo" || name === "ptz") return t(name === "ptz" ? "cameras.yes" : "cameras.recorded");
  if (name.endsWith("_sha256")) return String(value).slice(0, 12);
  if (typeof value === "string") return stringWord(name, value, villageName);
  if (typeof value === "boolean") return t(value ? "cameras.yes" : "cameras.no");
  if (Array.isArray(value)) return cut(value.map((one) => valueWord(name, one, villageName)).join(t("input.separator")));
  if (typeof value === "object") return cut(Object.entries(value).map(([key, one]) => `${key} ${valueWord(key, one)}`).join(t("input.separator")));
  return String(value);
}

function stringWord(name: string, value: string, villageName: (code: string) => string): string {
  if (name === "legal_class") return legalClass(value);
  if (name === "owner_kind") return term("cameras.owner", value);
  if (name === "masks") return term("cameras.masks", value);
  if (name === "places") return term("cameras.places", value);
  if (name === "village") return villageName(value);
  return cut(value);
}

const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

const NO_ACCOUNT = "no_own_account: "; // followed by the same
const NO_ANSWER = "no ONVIF answer: "; // followed by an English sentence about the connection

/** What a check adds to its state, in words; a sentence in English only to those who read it. */
export function checkDetail(detail = ""): string {
  if (!detail) return "";
  if (detail.startsWith(NO_ANSWER) && language.value !== "en") return t("cameras.noAnswer");
  if (detail.startsWith(NO_ACCOUNT)) return language.value === "en" ? `${t("cameras.checkDetail.no_own_account")}: ${detail.slice(NO_ACCOUNT.length)}` : t("cameras.checkDetail.no_own_account");
  return detail.split(", ").map((part) => termOf(["cameras.checkDetail", "cameras.kind", "cameras.recording", "family", "cause"], part)).join(t("input.separator"));
}

/** What a finding says beyond its kind. Details that no word describes are left to the history. */
export function findingDetail(finding: FindingView): string {
  return Object.entries(finding.detail)
    .map(([key, value]) => [key, valueWord(key, value)] as const)
    .filter(([key, word]) => word !== "—" && key !== "followed" && key !== "why")
    .map(([key, word]) => (term("cameras.detailWord", key, { v: word }) === key ? "" : term("cameras.detailWord", key, { v: word })))
    .filter(Boolean)
    .join(" · ");
}

/** What a camera's acceptance or a person's signature still lacks. */
export const lackWord = (name: string): string => {
  const word = term("cameras.missing", name);
  return word === name ? term("cameras.item", name) : word;
};

/** Sentences about an acceptance of several cameras. */
export function acceptanceTold(done: string, lacking: Record<string, string[]>, nameOf: (camera: string) => string): string[] {
  return [done, ...Object.entries(lacking).map(([camera, what]) => t("cameras.lacking", { camera: `${nameOf(camera)} (${camera})`, what: what.map(lackWord).join(t("input.separator")) }))];
}

export const bitrate = (bits: number): string => (bits > 0 ? `${(bits / 1_000_000).toFixed(2)} Mbit/s` : "—");

/** When a camera was accepted, or who waits for the second person. */
export function acceptanceWord(row: Pick<CameraRow, "accepted_at" | "proposed_by">, personName: (account: string) => string): string {
  if (row.accepted_at) return t("cameras.acceptedAt", { at: dateTime(row.accepted_at) });
  return row.proposed_by ? t("cameras.waiting", { name: personName(row.proposed_by) }) : "—";
}
