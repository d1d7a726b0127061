/** Distances and bearings between points on WGS 84, and the coordinates of Chinese maps. */

export interface Point {
  latitude: number;
  longitude: number;
}

const EARTH_M = 6_371_008.8; // mean radius, IUGG
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Metres along the great circle (haversine formula). */
export function distance(a: Point, b: Point): number {
  const north = radians(b.latitude - a.latitude) / 2;
  const east = radians(b.longitude - a.longitude) / 2;
  const h = Math.sin(north) ** 2 + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * Math.sin(east) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Initial bearing from a to b, degrees clockwise from north, 0 ≤ x < 360. */
export function bearing(a: Point, b: Point): number {
  const east = radians(b.longitude - a.longitude);
  const [from, to] = [radians(a.latitude), radians(b.latitude)];
  const x = Math.cos(from) * Math.sin(to) - Math.sin(from) * Math.cos(to) * Math.cos(east);
  return ((Math.atan2(Math.sin(east) * Math.cos(to), x) * 180) / Math.PI + 360) % 360;
}

const HEADINGS = ["north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"] as const;
export type Heading = (typeof HEADINGS)[number];

/** The nearest of the eight directions of the compass. */
export const headingOf = (degrees: number): Heading => HEADINGS[Math.round((((degrees % 360) + 360) % 360) / 45) % 8]!;

// The ellipsoid and the series of GCJ-02, as published with the reverse-engineered algorithm ("eviltransform").
const KRASOVSKY_A = 6_378_245.0;
const KRASOVSKY_EE = 0.00669342162296594323;

/** China's mainland, roughly: elsewhere maps use WGS 84. */
const isInChina = ({ latitude, longitude }: Point): boolean => longitude > 72.004 && longitude < 137.8347 && latitude > 0.8293 && latitude < 55.8271;

function shiftNorth(x: number, y: number): number {
  let d = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x));
  d += ((20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2) / 3;
  d += ((20 * Math.sin(y * Math.PI) + 40 * Math.sin((y / 3) * Math.PI)) * 2) / 3;
  return d + ((160 * Math.sin((y / 12) * Math.PI) + 320 * Math.sin((y * Math.PI) / 30)) * 2) / 3;
}

function shiftEast(x: number, y: number): number {
  let d = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x));
  d += ((20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2) / 3;
  d += ((20 * Math.sin(x * Math.PI) + 40 * Math.sin((x / 3) * Math.PI)) * 2) / 3;
  return d + ((150 * Math.sin((x / 12) * Math.PI) + 300 * Math.sin((x / 30) * Math.PI)) * 2) / 3;
}

/** The point as AMap and Tencent draw it (GCJ-02). */
export function toGcj02(point: Point): Point {
  if (!isInChina(point)) return point;
  const [x, y] = [point.longitude - 105, point.latitude - 35];
  const latitude = radians(point.latitude);
  const magic = 1 - KRASOVSKY_EE * Math.sin(latitude) ** 2;
  const north = (shiftNorth(x, y) * 180) / (((KRASOVSKY_A * (1 - KRASOVSKY_EE)) / (magic * Math.sqrt(magic))) * Math.PI);
  const east = (shiftEast(x, y) * 180) / ((KRASOVSKY_A / Math.sqrt(magic)) * Math.cos(latitude) * Math.PI);
  return { latitude: point.latitude + north, longitude: point.longitude + east };
}
