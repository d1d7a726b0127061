/** Addresses that open a place in the phone's own map application. Nothing is fetched from outside. */
import { type Point, toGcj02 } from "./geodesy";

const six = (degrees: number): string => degrees.toFixed(6);

/** RFC 5870: any map application of the phone, WGS 84; the query names the pin. */
export const geoAddress = (place: Point, name: string): string => {
  const where = `${six(place.latitude)},${six(place.longitude)}`;
  return `geo:${where}?q=${where}(${encodeURIComponent(name)})`;
};

/** AMap (高德); dev=0: the coordinates are GCJ-02 already. */
export function amapAddress(place: Point, name: string, apple: boolean): string {
  const { latitude, longitude } = toGcj02(place);
  const query = `sourceApplication=minwang&poiname=${encodeURIComponent(name)}&lat=${six(latitude)}&lon=${six(longitude)}&dev=0`;
  return apple ? `iosamap://viewMap?${query}` : `androidamap://viewMap?${query}`;
}

/** Apple's maps, which know no geo: addresses; inside China they draw GCJ-02. */
export function appleAddress(place: Point, name: string): string {
  const { latitude, longitude } = toGcj02(place);
  return `maps://?ll=${six(latitude)},${six(longitude)}&q=${encodeURIComponent(name)}`;
}

export const isApple = (agent = navigator.userAgent): boolean => /iPhone|iPad|iPod/.test(agent);
