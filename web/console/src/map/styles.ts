/** How the map draws: a camera's state by shape, text and colour together, as everywhere in the console. */
import CircleStyle from "ol/style/Circle";
import Fill from "ol/style/Fill";
import RegularShape from "ol/style/RegularShape";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import Text from "ol/style/Text";

import type { CameraState } from "@/api/schema";
import { FROM_GOOD_TO_BAD } from "@/shell/resources";

import { faded, type MapColours } from "./colours";

const BROKEN: readonly CameraState[] = ["fault", "offline", "unknown"];
const FONT = '12px "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif';
const NAMES_BELOW = 0.9; // metres a pixel from which cameras have their names beside them

/** The worst of some states, by the order in which the tree judges its villages. */
const worst = (states: readonly CameraState[]): CameraState => FROM_GOOD_TO_BAD.filter((s) => states.includes(s)).at(-1) ?? "unknown";
/** Whether a camera covers its area now: nobody knows it of those that nobody observes. */
export const covers = (state: CameraState): boolean => !BROKEN.includes(state);

export class MapStyles {
  private readonly points = new Map<string, Style>();

  constructor(private readonly colours: MapColours) {}

  boundary(name: string): Style {
    return new Style({ stroke: new Stroke({ color: faded(this.colours.dim, 0.5), width: 1 }), fill: new Fill({ color: faded(this.colours.text, 0.03) }), text: this.text(name, this.colours.dim, { font: `600 ${FONT}`, overflow: true, offsetY: -26 }) });
  }

  readonly water = (): Style => new Style({ fill: new Fill({ color: this.colours.water }), stroke: new Stroke({ color: this.colours.water, width: 2 }) });
  readonly houses = (): Style => new Style({ fill: new Fill({ color: this.colours.houses }) });

  /** A road is as wide as it is on the ground, but can always be seen. */
  road(metres: number, resolution: number): Style {
    return new Style({ stroke: new Stroke({ color: this.colours.road, width: Math.max(1, Math.min(metres / resolution, 24)), lineCap: "round", lineJoin: "round" }) });
  }

  /** The area that a camera covers; of one that shows nothing now in the colour of faults. */
  coverage(state: CameraState): Style {
    return new Style({ fill: new Fill({ color: covers(state) ? this.colours.accent : this.colours.state.fault }) });
  }

  cone(state: CameraState, strong = false): Style {
    const colour = covers(state) ? this.colours.accent : this.colours.state[state];
    return new Style({ fill: new Fill({ color: faded(colour, strong ? 0.3 : 0.1) }), stroke: new Stroke({ color: faded(colour, strong ? 1 : 0.45), width: strong ? 1.5 : 1 }) });
  }

  camera(name: string, state: CameraState, resolution: number): Style[] {
    const point = this.point(state);
    if (resolution > NAMES_BELOW) return [point];
    return [point, new Style({ text: this.text(name, this.colours.text, { offsetY: 15 }) })];
  }

  /** Several cameras that lie too close together: their number, the worst state among them and how many have it. */
  cluster(states: readonly CameraState[]): Style[] {
    const bad = worst(states);
    const radius = Math.min(11 + Math.log2(states.length) * 1.5, 20);
    const disc = new Style({
      image: new CircleStyle({ radius, fill: new Fill({ color: this.colours.panel }), stroke: new Stroke({ color: this.colours.state[bad], width: 2 }) }),
      text: this.text(String(states.length), this.colours.text, { halo: false }),
    });
    if (bad === "ok") return [disc];
    const count = states.filter((s) => s === bad).length;
    const [x, y] = [radius + 2, -radius];
    const mark = this.point(bad).clone();
    mark.getImage()?.setDisplacement([x, -y]);
    return [disc, mark, new Style({ text: this.text(String(count), this.colours.state[bad], { offsetX: x + 8, offsetY: y, align: "left" }) })];
  }

  readonly selected = (): Style => new Style({ image: new CircleStyle({ radius: 11, stroke: new Stroke({ color: this.colours.accent, width: 3 }) }) });
  readonly alert = (): Style[] => [
    new Style({ image: new CircleStyle({ radius: 17, fill: new Fill({ color: faded(this.colours.state.fault, 0.18) }), stroke: new Stroke({ color: this.colours.state.fault, width: 3 }) }) }),
    new Style({ text: this.text("!", this.colours.state.fault, { offsetX: 17, offsetY: -17, font: `700 16px sans-serif` }) }),
  ];
  readonly lasso = (): Style => new Style({ fill: new Fill({ color: faded(this.colours.accent, 0.12) }), stroke: new Stroke({ color: this.colours.accent, width: 2 }) });
  readonly handle = (): Style => new Style({ image: new CircleStyle({ radius: 8, fill: new Fill({ color: this.colours.accent }), stroke: new Stroke({ color: "#ffffff", width: 2 }) }) });

  private text(text: string, colour: string, { font = FONT, halo = true, offsetX = 0, offsetY = 0, overflow = false, align = "center" as CanvasTextAlign } = {}): Text {
    return new Text({ text, font, offsetX, offsetY, overflow, textAlign: align, fill: new Fill({ color: colour }), ...(halo ? { stroke: new Stroke({ color: this.colours.ground, width: 3 }) } : {}) });
  }

  private point(state: CameraState): Style {
    const known = this.points.get(state);
    if (known) return known;
    const made = new Style({ image: this.shape(state) });
    this.points.set(state, made);
    return made;
  }

  private shape(state: CameraState): CircleStyle | RegularShape {
    const colour = this.colours.state[state];
    const [fill, edge] = [new Fill({ color: colour }), new Stroke({ color: this.colours.ground, width: 1.5 })];
    switch (state) {
      case "ok":
        return new CircleStyle({ radius: 5, fill, stroke: edge });
      case "attention":
        return new RegularShape({ points: 3, radius: 8, fill, stroke: edge });
      case "fault":
        return new RegularShape({ points: 4, radius: 8, angle: Math.PI / 4, fill, stroke: edge });
      case "offline":
        return new CircleStyle({ radius: 5, fill: new Fill({ color: this.colours.ground }), stroke: new Stroke({ color: colour, width: 2 }) });
      case "unknown":
        return new CircleStyle({ radius: 5, fill: new Fill({ color: this.colours.ground }), stroke: new Stroke({ color: colour, width: 1.5, lineDash: [2, 2] }) });
    }
  }
}
