/** Places on the ground, near enough to each other to be a plane: longitude and latitude in degrees, lengths in metres. */

export type Place = [longitude: number, latitude: number];

const METRES_PER_DEGREE = 111_320; // of latitude; of longitude at the equator
const ARC_STEP = 6; // degrees between the corners of a drawn arc

const radians = (degrees: number): number => (degrees * Math.PI) / 180;
const metresOfLongitude = (latitude: number): number => METRES_PER_DEGREE * Math.cos(radians(latitude));

/** The place at a distance from another. `bearing`: degrees clockwise from north. */
export function placeAt([longitude, latitude]: Place, bearing: number, metres: number): Place {
  const angle = radians(bearing);
  return [longitude + (metres * Math.sin(angle)) / metresOfLongitude(latitude), latitude + (metres * Math.cos(angle)) / METRES_PER_DEGREE];
}

/** Bearing (0 to 360 degrees) and distance of a place as seen from another. */
export function seenFrom(from: Place, to: Place): { bearing: number; metres: number } {
  const east = (to[0] - from[0]) * metresOfLongitude(from[1]);
  const north = (to[1] - from[1]) * METRES_PER_DEGREE;
  return { bearing: ((Math.atan2(east, north) * 180) / Math.PI + 360) % 360, metres: Math.hypot(east, north) };
}

/** The ring of the area that a camera covers: a sector, or a circle for one that sees all round. */
export function coneOf(from: Place, azimuth: number, metres: number, fieldOfView: number): Place[] {
  const wide = Math.min(fieldOfView, 360);
  const steps = Math.max(1, Math.ceil(wide / ARC_STEP));
  const arc = Array.from({ length: steps + 1 }, (_, i) => placeAt(from, azimuth - wide / 2 + (wide * i) / steps, metres));
  return wide >= 360 ? [...arc.slice(0, -1), arc[0]!] : [from, ...arc, from];
}

/** A point of a picture (fractions of its width and height) whose place on the map is known. */
export interface Control {
  x: number;
  y: number;
  place: [number, number];
}

/** a, b, c, d, e, f as CanvasRenderingContext2D.transform takes them. */
export type Affine = [number, number, number, number, number, number];

/** The affine map from fractions of a picture to the map that takes three points to their places. */
export function affineOf([p, q, r]: [Control, Control, Control]): Affine {
  const determinant = (q.x - p.x) * (r.y - p.y) - (r.x - p.x) * (q.y - p.y);
  const solve = (axis: 0 | 1): [number, number, number] => {
    const [u, v] = [q.place[axis] - p.place[axis], r.place[axis] - p.place[axis]];
    const perX = (u * (r.y - p.y) - v * (q.y - p.y)) / determinant;
    const perY = (v * (q.x - p.x) - u * (r.x - p.x)) / determinant;
    return [perX, perY, p.place[axis] - perX * p.x - perY * p.y];
  };
  const [a, c, e] = solve(0);
  const [b, d, f] = solve(1);
  return [a, b, c, d, e, f];
}
