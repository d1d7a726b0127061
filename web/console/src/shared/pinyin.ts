/** Initials of Chinese names, so that "wjct" finds 王家村头. The dictionary is loaded when one first types letters. */

const known = new Map<string, string>();
let initialsOf: ((name: string) => string) | null = null;

export async function loadPinyin(): Promise<void> {
  if (initialsOf) return;
  const { pinyin } = await import("pinyin-pro");
  initialsOf = (name) => pinyin(name, { pattern: "first", toneType: "none", type: "array" }).join("").toLowerCase();
}

export const isPinyinLoaded = (): boolean => initialsOf !== null;

function initials(name: string): string {
  let found = known.get(name);
  if (found === undefined && initialsOf) known.set(name, (found = initialsOf(name)));
  return found ?? "";
}

/** Whether a camera or village fits what is typed: part of its name, of its number, or of its initials. */
export function fits(typed: string, name: string, number: string): boolean {
  const wanted = typed.trim().toLowerCase();
  return name.toLowerCase().includes(wanted) || number.toLowerCase().includes(wanted) || initials(name).includes(wanted);
}
