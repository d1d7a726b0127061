/** Words of the audit trail and the settings. */
import type { AuditAction, AuditEntry, JsonValue, SettingView } from "@/api/schema";
import { i18n, t, term } from "@/shared/i18n";
import { dateTime } from "@/shared/time";

/** Actions contain points, which separate keys of texts. */
export const actionKey = (action: string): string => action.replaceAll(".", "_");

/** What an action is called; an action of another release is shown as it is stored. */
export function actionWord(action: AuditAction | string): string {
  const word = term("admin.act", actionKey(action));
  return word === actionKey(action) ? action : word;
}

const partWord = (name: string): string => term("admin.part", name);
const TIMES = new Set(["start", "end", "at"]);

function plain(value: JsonValue): string {
  if (value === null || value === "") return "—";
  if (typeof value === "boolean") return t(value ? "admin.yes" : "admin.no");
  if (Array.isArray(value)) return value.length ? value.map(plain).join(t("input.separator")) : "—";
  if (typeof value === "object") return Object.entries(value).map(([name, one]) => `${partWord(name)} ${plain(one)}`).join(t("input.separator")) || "—";
  return String(value);
}

/** Village, question, range and the rest of a row, each with its name. */
export function detailParts(row: Pick<AuditEntry, "details">, village = ""): { name: string; value: string }[] {
  const parts = village ? [{ name: partWord("village"), value: village }] : [];
  for (const [name, value] of Object.entries(row.details)) {
    parts.push({ name: partWord(name), value: TIMES.has(name) && typeof value === "string" ? dateTime(value) : plain(value) });
  }
  return parts;
}

/** A setting's value; of a secret only whether it is set. */
export function settingWord(value: JsonValue): string {
  if (value === "set") return t("admin.secretSet");
  return value === "not set" ? t("admin.secretNotSet") : plain(value);
}

/** What a setting is for; of a setting of another release what the station says. */
export function settingDescription(setting: Pick<SettingView, "key" | "description">): string {
  const text = term("settings.key", setting.key);
  return text === setting.key ? setting.description || "—" : text;
}

/** The part of the station to which a setting belongs. */
export const settingSection = (key: string): string => term("settings.section", key.split(".")[0]);

export const hasActionWord = (action: string, language: string): boolean => i18n.global.te(`admin.act.${actionKey(action)}`, language);
