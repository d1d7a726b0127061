import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

type Rgb = [number, number, number];
const css = readFileSync(join(import.meta.dirname, "theme.css"), "utf8");
const STATES = ["ok", "attention", "fault", "offline"];
const MIN_CONTRAST = 4.5; // WCAG 2.1 AA, 1.4.3, for text of this size
const MIN_DIFFERENCE = 15; // CIE76; a difference of 2.3 is just noticeable

/** Dichromacy: Machado, Oliveira, Fernandes (2009), severity 1, on linear RGB. */
const VISION: Record<string, number[][]> = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

function colour(theme: string, name: string): Rgb {
  const block = css.slice(css.indexOf(`html.${theme} {`));
  const hex = new RegExp(`--${name}: #([0-9a-f]{6})`).exec(block)![1]!;
  return [0, 2, 4].map((i) => linear(parseInt(hex.slice(i, i + 2), 16) / 255)) as Rgb;
}

const linear = (v: number): number => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]: Rgb): number => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function contrast(a: Rgb, b: Rgb): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** CIE L*a*b* (D65) of linear RGB as a kind of vision sees it. */
function lab(rgb: Rgb, vision: number[][]): Rgb {
  const [r, g, b] = vision.map((row) => Math.min(1, Math.max(0, row[0]! * rgb[0] + row[1]! * rgb[1] + row[2]! * rgb[2]))) as Rgb;
  const [x, y, z] = [(0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b, (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089].map((v) => (v > 0.008856 ? Math.cbrt(v) : 7.787 * v + 16 / 116)) as Rgb;
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

describe.each(["dark", "light"])("colours of the %s theme", (theme) => {
  it.each(["bg", "panel", "raised"])("can be read on %s", (ground) => {
    const faint = ["text", "dim", ...STATES].filter((name) => contrast(colour(theme, name), colour(theme, ground)) < MIN_CONTRAST);
    expect(faint).toEqual([]);
  });

  it("tells the states apart for every kind of colour vision", () => {
    for (const [kind, vision] of Object.entries(VISION)) {
      const seen = STATES.map((name) => lab(colour(theme, name), vision));
      for (const [i, a] of seen.entries()) {
        for (const [j, b] of seen.slice(0, i).entries()) expect(Math.hypot(...a.map((v, k) => v - b[k]!)), `${kind}: ${STATES[i]}, ${STATES[j]}`).toBeGreaterThan(MIN_DIFFERENCE);
      }
    }
  });
});
