/** One's favourite cameras and the saved views of the wall: kept by the station, so the same on every computer. */
import { computed } from "vue";

import { http, request } from "@/api/client";
import { useAction, useFetch } from "@/api/requests";

import { useSession } from "./session";

export function useFavourites() {
  const session = useSession();
  const { data } = useFetch(["favourites"], () => request(() => http.GET("/api/favourites")), { enabled: () => session.may("camera.view") });
  const favourites = computed(() => data.value ?? []);
  const refreshes = [["favourites"]];
  const { run: like } = useAction((camera: string) => request(() => http.PUT("/api/favourites/{camera}", { params: { path: { camera } } })), { refreshes });
  const { run: forget } = useAction((camera: string) => request(() => http.DELETE("/api/favourites/{camera}", { params: { path: { camera } } })), { refreshes });
  const toggle = (camera: string): Promise<boolean> => (favourites.value.includes(camera) ? forget(camera) : like(camera));
  return { favourites, like, forget, toggle };
}

export function useWallViews() {
  const session = useSession();
  return useFetch(["wall-views"], () => request(() => http.GET("/api/wall-views")), { enabled: () => session.may("live.view") });
}
