import { describe, expect, it } from "vitest";

import openapi from "@/api/openapi.json";

import zh from "./messages";
import en from "./messages.en";

type Tree = { [key: string]: unknown };

/** Dotted paths of all texts. */
function paths(tree: Tree, before = ""): string[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const path = before ? `${before}.${key}` : key;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? paths(value as Tree, path) : [path];
  });
}

const at = (tree: Tree, path: string): unknown => path.split(".").reduce<unknown>((node, key) => (node as Tree)[key], tree);
const placeholders = (text: unknown): string[] => [...String(text).matchAll(/{(\w+)}/g)].map((found) => found[1]!).sort();

describe("texts", () => {
  it("exist in both languages", () => {
    expect(paths(en as Tree).sort()).toEqual(paths(zh as Tree).sort());
  });

  it("name the same values", () => {
    const differing = paths(zh as Tree).filter((p) => new Set(placeholders(at(zh, p))).size !== new Set(placeholders(at(en, p))).size);
    expect(differing).toEqual([]);
  });

  it("are Chinese in the Chinese console", () => {
    const foreign = paths(zh as Tree).filter((p) => /^[A-Za-z ,.'-]{12,}$/.test(String(at(zh, p))) && !p.startsWith("app."));
    expect(foreign).toEqual([]);
  });

  it("have a word for every value of the station's enumerations", () => {
    const schemas = openapi.components.schemas;
    const groups = {
      attribute: schemas.AttributeWord, "cameras.recording": schemas.RecordingState, cause: schemas.GapCause, chip: schemas.ChipKind, cls: schemas.ClassWord, colour: schemas.ColourWord,
      direction: schemas.DirectionWord, heading: schemas.HeadingWord, speed: schemas.SpeedWord, tone: schemas.ToneWord,
    };
    for (const texts of [zh, en] as Tree[]) {
      const missing = Object.entries(groups).flatMap(([group, { enum: values }]) => values.filter((v) => typeof at(texts, `${group}.${v}`) !== "string").map((v) => `${group}.${v}`));
      expect(missing).toEqual([]);
    }
  });
});
