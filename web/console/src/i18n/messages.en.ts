/** All texts in English. */
import admin from "@/admin/messages.en.json";
import cameras from "@/cameras/messages.en.json";
import orders from "@/orders/messages.en.json";
import patrol from "@/patrol/messages.en.json";
import playback from "@/playback/messages.en.json";
import reports from "@/reports/messages.en.json";
import shared from "@/shared/messages.en.json";
import shell from "@/shell/messages.en.json";
import today from "@/today/messages.en.json";
import wall from "@/wall/messages.en.json";

import terms from "./en.json";
import errors from "./errors.en.json";
import type { Messages } from "./messages";

const messages: Messages = { ...terms, admin, cameras, errors, orders, patrol, playback, reports, shared, shell, today, wall };
export default messages;
