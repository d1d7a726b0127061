import { createI18n } from "vue-i18n";

import en from "./i18n/en.json";
import zh from "./i18n/zh-CN.json";

const saved = localStorage.getItem("language");

export const i18n = createI18n({ legacy: false, locale: saved === "en" ? "en" : "zh-CN", fallbackLocale: "en", messages: { "zh-CN": zh, en } });

export function setLanguage(language: "zh-CN" | "en"): void {
  i18n.global.locale.value = language;
  localStorage.setItem("language", language);
  document.documentElement.lang = language;
}
