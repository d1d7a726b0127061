/** The texts of Element Plus in the console's language. */
import elementEn from "element-plus/es/locale/lang/en";
import elementZh from "element-plus/es/locale/lang/zh-cn";
import type { Language as ElementLanguage } from "element-plus/es/locale";
import { computed } from "vue";

import { language } from "./i18n";

export const elementLanguage = computed<ElementLanguage>(() => (language.value === "en" ? elementEn : elementZh));
