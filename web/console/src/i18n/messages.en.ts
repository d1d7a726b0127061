/** All texts in English. */
import account from "@/account/messages.en.json";
import checks from "@/admin/checks.en.json";
import admin from "@/admin/messages.en.json";
import settings from "@/admin/settings.en.json";
import alerts from "@/alerts/messages.en.json";
import cameras from "@/cameras/messages.en.json";
import holds from "@/cases/holds.en.json";
import cases from "@/cases/messages.en.json";
import map from "@/map/messages.en.json";
import orders from "@/orders/messages.en.json";
import patrol from "@/patrol/messages.en.json";
import phone from "@/phone/messages.en.json";
import playback from "@/playback/messages.en.json";
import reports from "@/reports/messages.en.json";
import search from "@/search/messages.en.json";
import shared from "@/shared/messages.en.json";
import shell from "@/shell/messages.en.json";
import today from "@/today/messages.en.json";
import wall from "@/wall/messages.en.json";
import watch from "@/watch/messages.en.json";

import terms from "./en.json";
import errors from "./errors.en.json";
import type { Messages } from "./messages";

const messages: Messages = { ...terms, account, admin, alerts, cameras, cases, checks, errors, holds, map, orders, patrol, phone, playback, reports, search, settings, shared, shell, today, wall, watch };
export default messages;
