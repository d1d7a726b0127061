/** The console's texts; each language is a file of its own, loaded when it is chosen. */
import { setLoaders } from "@/shared/i18n";

setLoaders({ "zh-CN": () => import("./messages"), en: () => import("./messages.en") });
