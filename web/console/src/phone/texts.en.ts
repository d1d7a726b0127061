/** The phone's texts in English: its own, and what it shares with the console. */
import errors from "@/i18n/errors.en.json";
import type { Messages } from "@/i18n/messages";
import terms from "@/i18n/en.json";
import orders from "@/orders/messages.en.json";
import shared from "@/shared/messages.en.json";

import phone from "./messages.en.json";

const messages: Partial<Messages> = { ...terms, errors, orders, phone, shared };
export default messages;
