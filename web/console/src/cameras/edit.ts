/** Which fields of a camera's file a person changes, and what of a form differs from what is stored. */
import type { CameraEditBody, CameraFile, JsonValue } from "@/api/schema";

export type EditField = Exclude<keyof CameraEditBody, "reason">;
export type Kind = "text" | "number" | "date" | "owner" | "legal";

export const EDITED: readonly (readonly [EditField, Kind, number?])[] = [
  ["name", "text", 80], ["number", "text", 20], ["site", "text", 120], ["address", "text", 120], ["purpose", "text", 200],
  ["owner_kind", "owner"], ["sponsor", "text", 80], ["legal_class", "legal"], ["manager_unit", "text", 80], ["responsible", "text", 40],
  ["maintainer", "text", 80], ["contract", "text", 80], ["contract_until", "date"], ["warranty_until", "date"], ["installed", "date"],
  ["cost", "number"], ["expected_make", "text", 60], ["switch", "text", 60], ["filing_no", "text", 80], ["filing_date", "date"],
  ["in_use_since", "date"], ["retention_days", "number"],
];

/** A cleared field of Element Plus is null or undefined. */
export type EditForm = Record<EditField, string | null | undefined>;

const written = (value: JsonValue | undefined): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");

const typed = (value: string | null | undefined): string => value?.trim() ?? "";

/** What is stored, as the fields of a form show it. */
export function formOf(file: Pick<CameraFile, "name" | "address" | "profile">): EditForm {
  const stored: Record<string, JsonValue | undefined> = { ...file.profile, name: file.name, address: file.address };
  return Object.fromEntries(EDITED.map(([field]) => [field, written(stored[field])])) as EditForm;
}

/** The changed fields; an emptied one is null, which removes its value. */
export function changesOf(before: EditForm, after: EditForm): Omit<CameraEditBody, "reason"> {
  const changed = EDITED.filter(([field]) => typed(after[field]) !== typed(before[field]));
  return Object.fromEntries(
    changed.map(([field, kind]) => {
      const text = typed(after[field]);
      return [field, text === "" ? null : kind === "number" ? Number(text) : text];
    }),
  );
}
