/** The town on a canvas (OpenLayers): its surroundings, its cameras with what they cover, alerts, and what is drawn on it. */
import { defaults as usualControls } from "ol/control/defaults";
import ScaleLine from "ol/control/ScaleLine";
import { boundingExtent, isEmpty } from "ol/extent";
import Feature, { type FeatureLike } from "ol/Feature";
import Point from "ol/geom/Point";
import Polygon from "ol/geom/Polygon";
import Draw from "ol/interaction/Draw";
import Translate from "ol/interaction/Translate";
import VectorLayer from "ol/layer/Vector";
import VectorImageLayer from "ol/layer/VectorImage";
import type MapBrowserEvent from "ol/MapBrowserEvent";
import OlMap from "ol/Map";
import { fromLonLat, toLonLat } from "ol/proj";
import Cluster from "ol/source/Cluster";
import VectorSource from "ol/source/Vector";
import View from "ol/View";

import type { CameraState } from "@/api/schema";

import type { MapColours } from "./colours";
import { coneOf, type Place, placeAt, seenFrom } from "./ground";
import { MapStyles } from "./styles";
import { type GroundLayer, Surroundings } from "./surroundings";
import type { MapCamera } from "./useMapCameras";

export interface Placing {
  place: Place;
  azimuth: number;
  range: number;
  fieldOfView: number;
}

export interface MapListener {
  picked(camera: string | null, beside: boolean): void;
  lassoed(cameras: string[], ring: Place[]): void;
  moved(centre: Place, zoom: number): void;
  placed(placing: Placing): void;
}

const CLUSTERS_ABOVE = 1.6; // metres a pixel: nearer, every camera stands for itself
const CLUSTER_PX = 38;
const MIN_ZOOM = 8;
const MAX_ZOOM = 20;
const NEAR_ZOOM = 17;
const FALLBACK: Place = [121.43, 29.47];

const placeOf = (coordinate: number[]): Place => toLonLat(coordinate) as Place;
const stateOf = (feature: FeatureLike): CameraState => feature.get("state") as CameraState;
/** The area that a camera covers, on the map; null where it is not known. */
const areaOf = ({ place, azimuth, range, fieldOfView }: Pick<MapCamera, "place" | "azimuth" | "range" | "fieldOfView">): Polygon | null =>
  azimuth === null || range === null || fieldOfView === null ? null : new Polygon([coneOf(place, azimuth, range, fieldOfView).map((p) => fromLonLat(p))]);
const membersOf = (feature: FeatureLike): Feature[] => (feature.get("features") as Feature[] | undefined) ?? [];

export class TownMap {
  private styles: MapStyles;
  private readonly map: OlMap;
  private readonly view = new View({ center: fromLonLat(FALLBACK), zoom: 12, minZoom: MIN_ZOOM, maxZoom: MAX_ZOOM, enableRotation: false });
  private readonly surroundings: Surroundings;
  private readonly cameras = new VectorSource<Feature<Point>>();
  private readonly clusters = new Cluster({ source: this.cameras, distance: CLUSTER_PX });
  private readonly cones = new VectorSource<Feature<Polygon>>();
  private readonly marks = new VectorSource<Feature>(); // the chosen cameras and the alerts
  private readonly drawn = new VectorSource<Feature>(); // the lasso, or the camera that is being placed
  private readonly coneLayer = new VectorImageLayer({ source: this.cones, imageRatio: 2, style: (f) => this.styles.cone(stateOf(f)) });
  private readonly coverageLayer = new VectorImageLayer({ source: this.cones, imageRatio: 2, opacity: 0.32, visible: false, style: (f) => this.styles.coverage(stateOf(f)) });
  private readonly cameraLayer = new VectorLayer({ source: this.clusters, style: (f, resolution) => this.styleOf(f, resolution) });
  private readonly drawnLayer = new VectorLayer({ source: this.drawn, style: (f) => (f.getGeometry() instanceof Point ? this.styles.handle() : this.styles.lasso()) });
  private known = new Map<string, MapCamera>();
  private drawing: Draw | null = null;
  private placing: Placing | null = null;
  private handles: Translate | null = null;

  constructor(
    target: HTMLElement,
    colours: MapColours,
    private readonly listener: MapListener,
  ) {
    this.styles = new MapStyles(colours);
    this.surroundings = new Surroundings(() => this.styles);
    const markLayer = new VectorLayer({ source: this.marks, style: (f) => this.markStyle(f) });
    this.map = new OlMap({
      target, view: this.view, pixelRatio: Math.min(window.devicePixelRatio, 2), controls: usualControls({ rotate: false, zoom: false, attributionOptions: { collapsible: false, tipLabel: "" } }).extend([new ScaleLine()]),
      layers: [...this.surroundings.layers, this.coverageLayer, this.coneLayer, this.drawnLayer, markLayer, this.cameraLayer],
    });
    this.map.on("singleclick", (event) => this.onClick(event));
    this.map.on("pointermove", (event) => {
      if (!event.dragging) target.style.cursor = this.drawing || this.clusterAt(event.pixel) ? "pointer" : "";
    });
    this.map.on("moveend", () => {
      const centre = this.view.getCenter();
      if (centre) this.listener.moved(placeOf(centre), this.view.getZoom() ?? MIN_ZOOM);
    });
    this.view.on("change:resolution", () => this.clusters.setDistance((this.view.getResolution() ?? 0) > CLUSTERS_ABOVE ? CLUSTER_PX : 0));
  }

  close(): void {
    this.map.setTarget(undefined);
    this.map.dispose();
  }

  recolour(colours: MapColours): void {
    this.styles = new MapStyles(colours);
    for (const layer of this.map.getAllLayers()) layer.changed();
  }

  /** Load a layer of the surroundings. Throws ApiError. */
  add = (layer: GroundLayer): Promise<void> => this.surroundings.add(layer);

  setVisible(layer: string, visible: boolean): void {
    if (layer === "cones") this.coneLayer.setVisible(visible);
    else if (layer === "coverage") this.coverageLayer.setVisible(visible);
    else this.surroundings.setVisible(layer, visible);
  }

  show(cameras: readonly MapCamera[]): void {
    const unmoved = cameras.length === this.known.size && cameras.every((c) => this.isDrawn(c));
    this.known = new Map(cameras.map((c) => [c.id, c]));
    if (unmoved) this.updateStates();
    else this.rebuild();
  }

  /** Draw rings round cameras: the chosen ones, and those with alerts that wait. */
  mark(chosen: readonly string[], alerts: readonly string[]): void {
    this.marks.clear();
    for (const id of chosen) this.markOne(id, "chosen");
    for (const id of alerts) this.markOne(id, "alert");
  }

  go(place: Place, zoom?: number): void {
    this.view.cancelAnimations();
    this.view.animate({ center: fromLonLat(place), zoom: zoom ?? Math.max(this.view.getZoom() ?? 0, NEAR_ZOOM), duration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 250 });
  }

  set(centre: Place, zoom: number): void {
    this.view.setCenter(fromLonLat(centre));
    this.view.setZoom(zoom);
  }

  zoomBy(steps: number): void {
    this.view.adjustZoom(steps);
  }

  /** Show all cameras, or the surroundings where there are none. */
  fit(): void {
    const extent = this.cameras.getFeatures().length ? this.cameras.getExtent() : this.surroundings.extent();
    if (extent && !isEmpty(extent)) this.view.fit(extent, { padding: [50, 50, 50, 50], maxZoom: NEAR_ZOOM });
  }

  /** Draw a line round cameras with the pointer held; `lassoed` tells which lie inside. */
  lasso(): void {
    this.endLasso();
    this.drawn.clear();
    const drawing = new Draw({ source: this.drawn, type: "Polygon", freehand: true, style: () => this.styles.lasso() });
    drawing.on("drawend", ({ feature }) => {
      const area = feature.getGeometry();
      if (area instanceof Polygon) this.listener.lassoed(this.inside(area), (area.getCoordinates()[0] ?? []).map(placeOf));
      setTimeout(() => this.endLasso()); // not within the interaction's own event
    });
    this.drawing = drawing;
    this.map.addInteraction(drawing);
  }

  endLasso(): void {
    if (this.drawing) this.map.removeInteraction(this.drawing);
    this.drawing = null;
  }

  clearDrawing(): void {
    this.endLasso();
    if (this.handles) this.map.removeInteraction(this.handles);
    this.handles = null;
    this.placing = null;
    this.drawn.clear();
  }

  /** Let a camera be placed: its point and the end of its view are dragged. */
  place(placing: Placing): void {
    this.clearDrawing();
    const [point, end, cone] = [new Feature(new Point([0, 0])), new Feature(new Point([0, 0])), new Feature(new Polygon([]))];
    this.drawn.addFeatures([cone, point, end]);
    this.placing = placing;
    this.handles = new Translate({ filter: (f) => f === point || f === end, layers: [this.drawnLayer], hitTolerance: 6 });
    this.handles.on(["translating", "translateend"], () => {
      if (!this.placing) return;
      const [at, to] = [placeOf(point.getGeometry()!.getCoordinates()), placeOf(end.getGeometry()!.getCoordinates())];
      const moved = seenFrom(this.placing.place, at).metres > 0.01;
      const seen = seenFrom(at, to);
      this.replace(moved ? { ...this.placing, place: at } : { ...this.placing, azimuth: Math.round(seen.bearing) % 360, range: Math.max(1, Math.round(seen.metres)) });
      this.listener.placed(this.placing);
    });
    this.map.addInteraction(this.handles);
    this.replace(placing);
  }

  /** Draw the camera that is being placed as it is now. */
  replace(placing: Placing): void {
    const [cone, point, end] = this.drawn.getFeatures().sort((a, b) => Number(a.getGeometry() instanceof Point) - Number(b.getGeometry() instanceof Point));
    this.placing = placing;
    const { place, azimuth, range } = placing;
    (point?.getGeometry() as Point | undefined)?.setCoordinates(fromLonLat(place));
    (end?.getGeometry() as Point | undefined)?.setCoordinates(fromLonLat(placeAt(place, azimuth, range)));
    (cone?.getGeometry() as Polygon | undefined)?.setCoordinates(areaOf(placing)!.getCoordinates());
  }

  centre = (): Place => placeOf(this.view.getCenter() ?? fromLonLat(FALLBACK));

  private isDrawn(camera: MapCamera): boolean {
    const drawn = this.known.get(camera.id);
    const same = (a: MapCamera, b: MapCamera): boolean => a.name === b.name && a.azimuth === b.azimuth && a.range === b.range && a.fieldOfView === b.fieldOfView;
    return drawn !== undefined && drawn.place[0] === camera.place[0] && drawn.place[1] === camera.place[1] && same(drawn, camera);
  }

  private rebuild(): void {
    const all = [...this.known.values()];
    this.cameras.clear(true);
    this.cameras.addFeatures(all.map((c) => new Feature({ geometry: new Point(fromLonLat(c.place)), camera: c.id, name: c.name, state: c.state })));
    this.cones.clear(true);
    this.cones.addFeatures(
      all.flatMap((camera) => {
        const geometry = areaOf(camera);
        return geometry ? [new Feature({ geometry, camera: camera.id, state: camera.state })] : [];
      }),
    );
  }

  private updateStates(): void {
    for (const feature of [...this.cameras.getFeatures(), ...this.cones.getFeatures()]) {
      const state = this.known.get(feature.get("camera") as string)?.state;
      if (state && state !== stateOf(feature)) feature.set("state", state);
    }
  }

  private styleOf(cluster: FeatureLike, resolution: number) {
    const members = membersOf(cluster);
    const [only] = members;
    if (members.length === 1 && only) return this.styles.camera(only.get("name") as string, stateOf(only), resolution);
    return this.styles.cluster(members.map(stateOf));
  }

  private markOne(id: string, kind: "chosen" | "alert"): void {
    const camera = this.known.get(id);
    if (!camera) return;
    this.marks.addFeature(new Feature({ geometry: new Point(fromLonLat(camera.place)), kind }));
    const geometry = areaOf(camera);
    if (kind === "chosen" && geometry) this.marks.addFeature(new Feature({ geometry, kind, state: camera.state }));
  }

  private markStyle(feature: FeatureLike) {
    if (feature.get("kind") === "alert") return this.styles.alert();
    return feature.getGeometry() instanceof Polygon ? this.styles.cone(stateOf(feature), true) : this.styles.selected();
  }

  private clusterAt(pixel: number[]): FeatureLike | undefined {
    return this.map.forEachFeatureAtPixel(pixel, (f) => f, { layerFilter: (l) => l === this.cameraLayer, hitTolerance: 6 });
  }

  private onClick(event: MapBrowserEvent): void {
    if (this.drawing) return;
    const members = membersOf(this.clusterAt(event.pixel) ?? new Feature());
    const [only] = members;
    const { originalEvent: by } = event;
    const beside = by instanceof MouseEvent && (by.ctrlKey || by.shiftKey);
    if (members.length > 1) this.view.fit(boundingExtent(members.map((m) => (m.getGeometry() as Point).getCoordinates())), { padding: [80, 80, 80, 80], maxZoom: MAX_ZOOM - 1, duration: 200 });
    else this.listener.picked(only ? (only.get("camera") as string) : null, beside);
  }

  private inside(area: Polygon): string[] {
    return [...this.known.values()].filter((c) => area.intersectsCoordinate(fromLonLat(c.place))).map((c) => c.id);
  }
}
