import { beforeAll, describe, expect, it } from "vitest";

import openapi from "@/api/openapi.json";
import { setLanguage } from "@/shared/i18n";

import { ACTIONS as OFFERED } from "./auditFilters";
import { visibleTabs } from "./tabs";
import { actionWord, detailParts, hasActionWord, settingWord } from "./words";

const ACTIONS: string[] = openapi.components.schemas.AuditAction.enum;

beforeAll(async () => {
  await setLanguage("en");
  await setLanguage("zh-CN");
});

describe("the audit trail in words", () => {
  it("has a text in both languages for every action", () => {
    expect(OFFERED).toEqual(ACTIONS);
    for (const language of ["zh-CN", "en"]) expect(ACTIONS.filter((action) => !hasActionWord(action, language))).toEqual([]);
  });

  it("tells actions apart", () => {
    const words = ACTIONS.map(actionWord);
    expect(words.filter((word, i) => words.indexOf(word) !== i)).toEqual([]);
  });

  it("shows an action of another release as it is stored", () => {
    expect(actionWord("tour.draw")).toBe("tour.draw");
  });

  it("names the parts of a row and shows no JSON", () => {
    const parts = detailParts({ details: { query: { camera: "wj-01", name: ["a", "b"] }, seconds: 12, old: null } as never }, "王家村");
    expect(parts[0]).toEqual({ name: "村", value: "王家村" });
    expect(JSON.stringify(parts.map((p) => p.value))).not.toMatch(/\{|null/);
  });

  it("tells of a secret only whether it is set", () => {
    expect(settingWord("set" as never)).toBe("已设置");
    expect(settingWord(true as never)).toBe("是");
  });
});

describe("parts of the administration", () => {
  it("are those for which one has the permission", () => {
    expect(visibleTabs((p) => p === "audit.view")).toEqual(["audit"]);
    expect(visibleTabs((p) => p === "account.manage" || p === "station.view")).toEqual(["users", "station", "settings"]);
  });
});
