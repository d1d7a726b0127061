import { expect, it } from "vitest";

import openapi from "@/api/openapi.json";

import zh from "./messages";
import en from "./messages.en";

/** Enumerations of the API, and the group with a word for each value. */
const GROUPS = {
  FaultFamily: "family", CameraState: "state", Role: "role", OrderState: "orders.state", SubjectState: "watch.states", AlertState: "watch.states", AlertAnswer: "mobile", Item: "cameras.item", ItemState: "cameras.check", FindingKind: "cameras.kind",
} as const;

type Tree = { [key: string]: unknown };
const at = (tree: unknown, path: string): Tree => path.split(".").reduce((node, key) => (node[key] ?? {}) as Tree, tree as Tree);
const schemas = openapi.components.schemas as Record<string, { enum?: string[] }>;

it.each(Object.entries(GROUPS))("has words for every %s in both languages", (name, group) => {
  const values = schemas[name]?.enum ?? [];
  expect(values.length).toBeGreaterThan(1);
  for (const texts of [zh, en]) expect(values.filter((v) => typeof at(texts, group)[v] !== "string")).toEqual([]);
});
