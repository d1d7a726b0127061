/** All texts in Chinese, the console's first language; their shape is what other languages must have. */
import account from "@/account/messages.zh-CN.json";
import checks from "@/admin/checks.zh-CN.json";
import admin from "@/admin/messages.zh-CN.json";
import settings from "@/admin/settings.zh-CN.json";
import alerts from "@/alerts/messages.zh-CN.json";
import cameras from "@/cameras/messages.zh-CN.json";
import holds from "@/cases/holds.zh-CN.json";
import cases from "@/cases/messages.zh-CN.json";
import map from "@/map/messages.zh-CN.json";
import orders from "@/orders/messages.zh-CN.json";
import patrol from "@/patrol/messages.zh-CN.json";
import phone from "@/phone/messages.zh-CN.json";
import playback from "@/playback/messages.zh-CN.json";
import reports from "@/reports/messages.zh-CN.json";
import search from "@/search/messages.zh-CN.json";
import shared from "@/shared/messages.zh-CN.json";
import shell from "@/shell/messages.zh-CN.json";
import today from "@/today/messages.zh-CN.json";
import wall from "@/wall/messages.zh-CN.json";
import watch from "@/watch/messages.zh-CN.json";

import errors from "./errors.zh-CN.json";
import terms from "./zh-CN.json";

const messages = { ...terms, account, admin, alerts, cameras, cases, checks, errors, holds, map, orders, patrol, phone, playback, reports, search, settings, shared, shell, today, wall, watch };
export type Messages = typeof messages;
export default messages;
