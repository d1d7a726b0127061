import type { CameraState } from "@/api/schema";

/** Colours of the present theme, for what is drawn on a canvas. */
export interface MapColours {
  ground: string;
  panel: string;
  line: string;
  text: string;
  dim: string;
  accent: string;
  water: string;
  houses: string;
  road: string;
  state: Record<CameraState, string>;
}

const ON_CANVAS = {
  dark: { water: "#14304a", houses: "#1c2838", road: "#33435a" },
  light: { water: "#cfe2f3", houses: "#dde2e9", road: "#ffffff" },
};

export function readColours(theme: "dark" | "light"): MapColours {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const offline = read("offline");
  return {
    ground: read("bg"), panel: read("panel"), line: read("line"), text: read("text"), dim: read("dim"), accent: read("accent"), ...ON_CANVAS[theme],
    state: { ok: read("ok"), attention: read("attention"), fault: read("fault"), offline, unknown: offline },
  };
}

/** A colour of the theme (#rrggbb) with an opacity. */
export const faded = (colour: string, opacity: number): string => `${colour}${Math.round(opacity * 255).toString(16).padStart(2, "0")}`;
