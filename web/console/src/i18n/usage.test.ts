import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import zh from "./messages";

/**
 * Groups of which a word is chosen at run time, by `term(group, value)` or by a key put together from parts: each of their
 * texts counts as used. A group stands here only while a source names it.
 */
const DYNAMIC_GROUPS = [
  "account.channels", "admin.act", "admin.checkState", "admin.part", "admin.processRole", "admin.tab", "admin.view", "admin.volumeState", "attribute",
  "cameras.check", "cameras.checkDetail", "cameras.detailWord", "cameras.field", "cameras.file", "cameras.group", "cameras.item", "cameras.kind", "cameras.masks", "cameras.missing", "cameras.moveWhy", "cameras.outcome", "cameras.owner", "cameras.legal", "cameras.places", "cameras.plan", "cameras.recording", "cameras.sort", "cameras.tab", "cameras.verdict", "cameras.wizard", "cameras.work",
 
  "alerts.callKinds", "alerts.outcomes", "alerts.steps", "cause", "checks.name", "checks.remedy", "checks.subject", "checks.system", "checks.value", "chip", "cls", "colour", "contractor.step", "direction", "errors", "family", "fault", "heading", "input", "login.ended", "map.layer", "mobile", "orders.state", "orders.step",
  "patrol.group", "patrol.left", "patrol.parent", "patrol.verdicts", "patrol.view", "patrol.week.result", "phone.broken", "phone.check", "phone.checkState", "phone.connection", "phone.phase", "phone.push", "phone.reason", "phone.step", "playback.exceeds", "playback.mode", "role", "search", "shell.group", "settings.key", "settings.section", "speed", "state", "today.noRate", "today.rate", "today.unreachableWhy", "tone", "wall.pad", "watch.states",
];
/** Single texts whose keys are put together in one place: shared/duration.ts. */
const DYNAMIC_KEYS = ["shared.seconds", "shared.minutes", "shared.hours", "shared.days"];
/** Groups of pages that are being written anew; they go as a whole. "note" is named by a table of SearchView.vue. */
const OLD_GROUPS = ["note"];

const SOURCES = join(import.meta.dirname, "..");
const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((f) => /\.(vue|ts)$/.test(f) && !/\.test\.ts$|^api.schema\.ts$/.test(f));
const code = files.map((f) => readFileSync(join(SOURCES, f), "utf8")).join("\n");

type Tree = { [key: string]: unknown };

/** Dotted paths of all texts; a list of texts is one. */
function paths(tree: Tree, before = ""): string[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const path = before ? `${before}.${key}` : key;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? paths(value as Tree, path) : [path];
  });
}

const keys = paths(zh as Tree);
const isDynamic = (key: string): boolean => [...DYNAMIC_KEYS].includes(key) || [...DYNAMIC_GROUPS, ...OLD_GROUPS].some((group) => key.startsWith(`${group}.`));
/** Whole texts in quotes, as `"wall.freeze"`. */
const quoted = new Set([...code.matchAll(/["'`]([a-z]\w*(?:\.\w+)+)["'`]/gi)].map((found) => found[1]!));
/** First arguments of the functions that show a text. */
const shown = new Set([...code.matchAll(/\b(?:t|tm|plural|texts)\(\s*["'`]([^"'`$]+)["'`]/g)].map((found) => found[1]!));
/** Groups that a source names as the first argument of `term`, or in the list that `termOf` takes. */
const lists = [...code.matchAll(/\btermOf\(\s*\[([^\]]+)\]/g)].flatMap((found) => [...found[1]!.matchAll(/"([\w.]+)"/g)]);
const termed = new Set([...code.matchAll(/\bterm\(\s*["'`]([\w.]+)["'`]/g), ...lists].map((found) => found[1]!));
/** Beginnings of keys that a source puts together. */
const composed = new Set([...code.matchAll(/`([a-z][\w.]*)\.\$\{/gi)].map((found) => found[1]!));

describe("texts and sources", () => {
  it("have no text that no source uses", () => {
    expect(keys.filter((key) => !quoted.has(key) && !isDynamic(key))).toEqual([]);
  });

  it("use no text that does not exist", () => {
    expect(shown.size).toBeGreaterThan(100);
    expect([...shown].filter((key) => !keys.includes(key))).toEqual([]);
  });

  it("choose words from groups that exist", () => {
    expect([...termed].filter((group) => !keys.some((key) => key.startsWith(`${group}.`)))).toEqual([]);
  });

  it("declare no group that no source names", () => {
    expect(DYNAMIC_GROUPS.filter((group) => !termed.has(group) && !composed.has(group))).toEqual([]);
  });
});
