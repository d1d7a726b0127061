/** The phone's texts in Chinese: its own, and what it shares with the console. */
import errors from "@/i18n/errors.zh-CN.json";
import type { Messages } from "@/i18n/messages";
import terms from "@/i18n/zh-CN.json";
import orders from "@/orders/messages.zh-CN.json";
import shared from "@/shared/messages.zh-CN.json";

import phone from "./messages.zh-CN.json";

const messages: Partial<Messages> = { ...terms, errors, orders, phone, shared };
export default messages;
