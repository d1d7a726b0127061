/** All texts in English. */
import shared from "@/shared/messages.en.json";
import shell from "@/shell/messages.en.json";

import terms from "./en.json";
import errors from "./errors.en.json";
import type { Messages } from "./messages";

const messages: Messages = { ...terms, errors, shared, shell };
export default messages;
