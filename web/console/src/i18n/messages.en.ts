/** All texts in English. */
import cameras from "@/cameras/messages.en.json";
import orders from "@/orders/messages.en.json";
import patrol from "@/patrol/messages.en.json";
import playback from "@/playback/messages.en.json";
import shared from "@/shared/messages.en.json";
import shell from "@/shell/messages.en.json";
import today from "@/today/messages.en.json";
import wall from "@/wall/messages.en.json";

import terms from "./en.json";
import errors from "./errors.en.json";
import type { Messages } from "./messages";

const messages: Messages = { ...terms, cameras, errors, orders, patrol, playback, shared, shell, today, wall };
export default messages;
