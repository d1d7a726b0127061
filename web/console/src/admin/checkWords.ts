/** Sentences of the self-checks: built from the station's codes, in the reader's language. */
import type { CheckName, Fact } from "@/api/schema";
import { t, term } from "@/shared/i18n";

/** Names and subjects contain points and blanks, which texts' keys cannot. */
const key = (name: string): string => name.replace(/[. ]/g, "_");

export const checkName = (name: CheckName): string => term("checks.name", key(name));

/** Paths, addresses and names of models are shown as they are. */
const SUBJECTS = new Set(["archive rows", "checksums waiting", "search", "user"]);
export const subjectWord = (subject: string): string => (SUBJECTS.has(subject) ? term("checks.subject", key(subject)) : subject || "—");

/** What Linux says about an error, and the text that stands for it. */
const SYSTEM_ERRORS: Record<string, string> = {
  "Read-only file system": "read_only",
  "No space left on device": "no_space",
  "Input/output error": "io_error",
  "Permission denied": "permission",
  "Operation not permitted": "not_permitted",
  "No such file or directory": "not_found",
  "Connection refused": "refused",
  "Address already in use": "in_use",
  "Cannot assign requested address": "no_address",
  "Stale file handle": "stale",
  "Disk quota exceeded": "quota",
  "Network is unreachable": "unreachable",
  "No route to host": "no_route",
  "Connection timed out": "timed_out",
  "flushing failed": "flushing",
  "no datagram came back": "no_datagram",
  "no SMART": "no_smart",
};

/** The system's error stands alone or behind what it concerns, as in "/data: Permission denied". */
function translated(text: string): string {
  const known = Object.keys(SYSTEM_ERRORS).find((words) => text === words || text.endsWith(`: ${words}`));
  return known ? text.slice(0, -known.length) + term("checks.system", SYSTEM_ERRORS[known]) : text;
}

const shown = (params: Fact["params"]): Fact["params"] =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [name, typeof value === "string" ? translated(value) : value])) as Fact["params"];

export const valueText = (fact: Pick<Fact, "code" | "params">): string => t(`checks.value.${fact.code}`, shown(fact.params));

export const remedyText = (fact: Pick<Fact, "remedy_code" | "remedy_params">): string => (fact.remedy_code ? t(`checks.remedy.${fact.remedy_code}`, shown(fact.remedy_params)) : "—");
