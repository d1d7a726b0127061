/** The cameras as the map shows them: where they stand, what they cover, and their present state. */
import { computed } from "vue";

import { http, request } from "@/api/client";
import { useFetch } from "@/api/requests";
import type { CameraState } from "@/api/schema";
import { useRefreshOn } from "@/shell/events";
import { TREE_EVENTS, useResources } from "@/shell/resources";

import type { Place } from "./ground";

/** Null: not known; nothing is drawn in its place. */
export interface MapCamera {
  id: string;
  name: string;
  village: string;
  state: CameraState;
  place: Place;
  azimuth: number | null;
  range: number | null;
  fieldOfView: number | null;
}

export function useMapCameras() {
  const resources = useResources();
  const found = useFetch(["map-cameras"], () => request(() => http.GET("/api/map/cameras")));
  useRefreshOn(TREE_EVENTS.filter((kind) => kind !== "fault."), () => void found.reload());

  const cameras = computed<MapCamera[]>(() =>
    (found.data.value ?? []).flatMap(({ camera, position, azimuth, range_m, field_of_view }) => {
      const known = resources.cameras.get(camera);
      return known && position ? [{ id: camera, name: known.name, village: known.village, state: known.state, place: position as Place, azimuth, range: range_m, fieldOfView: field_of_view }] : [];
    }),
  );
  const withoutPlace = computed(() => (found.data.value && resources.loaded ? resources.cameras.size - cameras.value.length : 0));
  return { cameras, withoutPlace, problem: found.problem, loading: found.loading, reload: found.reload };
}
