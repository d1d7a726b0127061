import { beforeAll, describe, expect, it } from "vitest";

import openapi from "@/api/openapi.json";
import { setLanguage } from "@/shared/i18n";

import { ACTIONS as OFFERED } from "./auditFilters";
import { checkName, remedyText, subjectWord, valueText } from "./checkWords";
import { visibleTabs } from "./tabs";
import { actionWord, detailParts, hasActionWord, settingDescription, settingSection, settingWord } from "./words";

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

describe("self-checks in words", () => {
  it("builds sentences from codes and parameters", () => {
    expect(valueText({ code: "space_free", params: { free: 1.5, total: 20 } })).toBe("剩余 1.5 GB，共 20 GB");
    expect(remedyText({ remedy_code: "change_mode", remedy_params: { mode: "600", path: "/data/key" } })).toBe("chmod 600 /data/key");
    expect(remedyText({ remedy_code: null, remedy_params: {} })).toBe("—");
  });

  it("translates what Linux says about an error, and shows the rest as it is", () => {
    expect(valueText({ code: "volume_failed", params: { detail: "Read-only file system" } })).toBe("故障：文件系统为只读");
    expect(valueText({ code: "database_missing", params: { reason: "/data/a.db: Permission denied" } })).toBe("数据库无法打开：/data/a.db: 没有权限");
    expect(valueText({ code: "volume_failed", params: { detail: "EXT4 corrupt" } })).toBe("故障：EXT4 corrupt");
  });

  it("has a name for every check in both languages", async () => {
    for (const language of ["en", "zh-CN"] as const) {
      await setLanguage(language);
      expect(openapi.components.schemas.CheckName.enum.filter((name) => checkName(name as never).includes("_"))).toEqual([]);
    }
    expect(checkName("time zone")).toBe("时区");
    expect([subjectWord("archive rows"), subjectWord("/disk1"), subjectWord("")]).toEqual(["录像索引", "/disk1", "—"]);
  });
});

describe("settings in words", () => {
  it("describes a setting, and says what the station says of one of another release", () => {
    expect(settingDescription({ key: "retention.main_days", description: "x" })).toBe("主码流保存天数");
    expect(settingDescription({ key: "map.wmts_url", description: "x" })).toContain("{z}");
    expect(settingDescription({ key: "future.key", description: "Words." })).toBe("Words.");
    expect(settingSection("retention.main_days")).toBe("保存期限");
  });
});

describe("parts of the administration", () => {
  it("are those for which one has the permission", () => {
    expect(visibleTabs((p) => p === "audit.view")).toEqual(["audit"]);
    expect(visibleTabs((p) => p === "account.manage" || p === "station.view")).toEqual(["users", "station", "settings"]);
  });
});
