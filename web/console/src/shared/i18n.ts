/** Languages. Texts lie beside what shows them, in messages.zh-CN.json and messages.en.json; src/i18n gathers them. */
import { computed } from "vue";
import { createI18n } from "vue-i18n";

import type { AttributeWord, ClassWord, ColourWord, DirectionWord, HeadingWord, SpeedWord, StreamView, ToneWord } from "@/api/schema";
import type { Messages } from "@/i18n/messages";

export const LANGUAGES = ["zh-CN", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Dotted path of a text, as "wall.freeze". */
export type MessageKey = PathsOf<Messages>;
type PathsOf<T> = { [K in keyof T & string]: T[K] extends string ? K : T[K] extends readonly unknown[] ? K : `${K}.${PathsOf<T[K]>}` }[keyof T & string];

type Loaders = Record<Language, () => Promise<{ default: Partial<Messages> }>>;
let loaders: Loaders | null = null;
const STORED = "language";

export const i18n = createI18n({ legacy: false, locale: storedLanguage() as string, missingWarn: false, fallbackWarn: false, messages: {} });

export function storedLanguage(): Language {
  return localStorage.getItem(STORED) === "en" ? "en" : "zh-CN";
}

export const language = computed(() => i18n.global.locale.value as Language);

/** How the texts are fetched: the console has all of them, the phone only its own. */
export function setLoaders(of: Loaders): void {
  loaders = of;
}

/** Load a language's texts and show the pages in it. */
export async function setLanguage(chosen: Language): Promise<void> {
  if (!loaders) throw new Error("setLoaders must be called first");
  const { default: messages } = await loaders[chosen]();
  i18n.global.setLocaleMessage(chosen, messages as never);
  i18n.global.locale.value = chosen;
  localStorage.setItem(STORED, chosen);
  document.documentElement.lang = chosen;
}

type Parameters_ = Record<string, unknown>;

/** The text of a key in the present language. */
export const t = (key: MessageKey, params: Parameters_ = {}): string => i18n.global.t(key, params);

/** A text with its count, where the language tells one from many. */
export const plural = (key: MessageKey, n: number): string => i18n.global.t(key, { n }, n);

/** A list of texts. */
export const texts = (key: MessageKey): string[] => i18n.global.tm(key) as string[];

/** Groups of words that stand for the values of one of the station's enumerations. */
interface TermValues {
  attribute: AttributeWord;
  "cameras.recording": StreamView["state"];
  cls: ClassWord;
  colour: ColourWord;
  direction: DirectionWord;
  heading: HeadingWord;
  speed: SpeedWord;
  tone: ToneWord;
}
type ValueOf<Group extends string> = Group extends keyof TermValues ? TermValues[Group] : string;

/** The word for a value of any of these groups: of the first that has one; the value itself where none has. */
export function termOf(groups: readonly string[], value: string | null | undefined): string {
  return groups.map((group) => term(group, value)).find((word) => word !== value) ?? value ?? "—";
}

/** The word for a value that the station sends, as `term("family", "black")`; the value itself where there is none. */
export function term<Group extends string>(group: Group, value: ValueOf<Group> | null | undefined, params: Parameters_ = {}): string {
  if (value === null || value === undefined || value === "") return "—";
  const key = `${group}.${value}`;
  return i18n.global.te(key) || i18n.global.te(key, "zh-CN") ? i18n.global.t(key, params) : value;
}
