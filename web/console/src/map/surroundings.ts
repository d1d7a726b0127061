/** What lies under the cameras: boundaries, roads, water and houses from the town's files, an aerial picture, a tile service. */
import type { Extent } from "ol/extent";
import type { FeatureLike } from "ol/Feature";
import GeoJSON from "ol/format/GeoJSON";
import ImageLayer from "ol/layer/Image";
import type BaseLayer from "ol/layer/Base";
import TileLayer from "ol/layer/Tile";
import VectorImageLayer from "ol/layer/VectorImage";
import { fromLonLat } from "ol/proj";
import ImageCanvasSource from "ol/source/ImageCanvas";
import VectorSource from "ol/source/Vector";
import XYZ from "ol/source/XYZ";

import { http, request } from "@/api/client";
import type { AerialView, MapLayer, WmtsView } from "@/api/schema";

import { affineOf, type Control } from "./ground";
import type { MapStyles } from "./styles";

export type GroundLayer = { kind: "features"; name: MapLayer } | { kind: "aerial"; aerial: AerialView } | { kind: "tiles"; service: WmtsView };

const ORDER: readonly MapLayer[] = ["water", "houses", "roads", "boundaries"];
const USUAL_ROAD_M = 4;

export class Surroundings {
  readonly layers: BaseLayer[];
  private readonly features: Record<MapLayer, VectorImageLayer<VectorSource>>;
  private readonly aerial = new ImageLayer<ImageCanvasSource>({ visible: true });
  private readonly tiles = new TileLayer<XYZ>({ visible: true });

  constructor(private readonly styles: () => MapStyles) {
    const made = (name: MapLayer): VectorImageLayer<VectorSource> => new VectorImageLayer({ source: new VectorSource(), imageRatio: 2, declutter: name === "boundaries", style: (f, resolution) => this.styleOf(name, f, resolution) });
    this.features = { boundaries: made("boundaries"), roads: made("roads"), water: made("water"), houses: made("houses") };
    this.features.houses.setMaxResolution(4); // metres a pixel: houses are smaller than a pixel beyond it
    this.layers = [this.tiles, this.aerial, ...ORDER.map((name) => this.features[name])];
  }

  /** Throws ApiError where a file cannot be had. */
  async add(layer: GroundLayer): Promise<void> {
    if (layer.kind === "tiles") this.tiles.setSource(new XYZ({ url: layer.service.url, attributions: layer.service.attribution }));
    else if (layer.kind === "aerial") await this.addAerial(layer.aerial);
    else {
      const content = await request(() => http.GET("/api/map/layers/{layer}", { params: { path: { layer: layer.name } }, parseAs: "json" }));
      this.features[layer.name].getSource()?.addFeatures(new GeoJSON().readFeatures(content, { featureProjection: "EPSG:3857" }));
    }
  }

  setVisible(name: string, visible: boolean): void {
    if (name in this.features) this.features[name as MapLayer].setVisible(visible);
    else if (name === "aerial") this.aerial.setVisible(visible);
    else if (name === "tiles") this.tiles.setVisible(visible);
  }

  extent(): Extent | null {
    return this.features.boundaries.getSource()?.getExtent() ?? null;
  }

  private styleOf(name: MapLayer, feature: FeatureLike, resolution: number) {
    if (name === "boundaries") return this.styles().boundary(String(feature.get("name") ?? ""));
    if (name === "water") return this.styles().water();
    if (name === "houses") return this.styles().houses();
    const width: unknown = feature.get("width");
    return this.styles().road(typeof width === "number" ? width : USUAL_ROAD_M, resolution);
  }

  /** The picture lies on the ground by its three control points, so that it may be turned and stretched. */
  private async addAerial({ control, changed_at }: AerialView): Promise<void> {
    if (!control) return;
    const [p, q, r] = control.points.map(({ x, y, longitude, latitude }): Control => ({ x, y, place: fromLonLat([longitude, latitude]) as [number, number] }));
    if (!p || !q || !r) return;
    const [a, b, c, d, e, f] = affineOf([p, q, r]);
    const picture = new Image();
    picture.src = `/api/map/aerial?_=${encodeURIComponent(changed_at)}`;
    await picture.decode();
    this.aerial.setSource(
      new ImageCanvasSource({
        projection: "EPSG:3857",
        attributions: control.attribution,
        canvasFunction: ([west, , , north], resolution, pixelRatio, [width, height]) => {
          const canvas = document.createElement("canvas");
          [canvas.width, canvas.height] = [width!, height!];
          const context = canvas.getContext("2d");
          const scale = pixelRatio / resolution; // pixels a metre of the projection; its y points up, the canvas's down
          context?.setTransform(a * scale, -b * scale, c * scale, -d * scale, (e - west!) * scale, (north! - f) * scale);
          context?.drawImage(picture, 0, 0, 1, 1);
          return canvas;
        },
      }),
    );
  }
}
