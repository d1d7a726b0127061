/** The station's events: one socket a tab, resumed where it was cut off. */
import { defineStore } from "pinia";
import { onScopeDispose, ref, watch } from "vue";

import { http, request, socketAddress } from "@/api/client";

const SESSION_ENDED = 4401;
const ACCOUNT_CHANGED = 4403; // role or villages: the page is built anew
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 4_000; // pages are there again within five seconds after the station is
const MOST_MOVING = 64; // cameras; the station takes no more
const SILENT_MS = 2_000; // a shorter interruption is not told

export interface StationEvent {
  id: number;
  at: string;
  kind: string;
  camera: string | null;
  village: string | null;
  data: Record<string, unknown>;
}

type Listener = (event: StationEvent) => void;

export const useEventStore = defineStore("events", () => {
  /** connecting: not yet open, or interrupted only now; lost: told to the officer. */
  const state = ref<"connecting" | "open" | "lost">("connecting");
  const listeners = new Set<Listener>();
  const returned = new Set<() => void>(); // called when the connection is there again
  const motion = new Map<symbol, readonly string[]>(); // cameras whose motion a component shows
  let socket: WebSocket | null = null;
  let last = 0;
  let pause = FIRST_PAUSE_MS;
  let wanted = false;
  let interrupted = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function open(): void {
    socket = new WebSocket(socketAddress(`/api/events${last ? `?after=${last}` : ""}`));
    socket.onopen = () => {
      const again = interrupted > 0;
      state.value = "open";
      pause = FIRST_PAUSE_MS;
      interrupted = 0;
      if (motion.size) tellMotion();
      if (again) for (const listener of [...returned]) listener();
    };
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data as string) as StationEvent;
      last = event.id;
      for (const listener of [...listeners]) listener(event);
    };
    socket.onclose = ({ code }) => closed(code);
  }

  /** Motion is sent only of the cameras that the page names. */
  function tellMotion(): void {
    const cameras = [...new Set([...motion.values()].flat())].slice(0, MOST_MOVING);
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ motion: cameras }));
  }

  function showMotion(of: symbol, cameras: readonly string[]): void {
    if (cameras.length) motion.set(of, cameras);
    else motion.delete(of);
    tellMotion();
  }

  function closed(code: number): void {
    socket = null;
    if (!wanted) return;
    if (code === ACCOUNT_CHANGED) return location.reload();
    // The answer says why the session is over, and `request` leads to the sign-in page.
    if (code === SESSION_ENDED) void request(() => http.GET("/api/me")).catch(() => undefined);
    interrupted ||= Date.now();
    state.value = Date.now() - interrupted > SILENT_MS ? "lost" : "connecting";
    timer = setTimeout(open, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }

  function start(): void {
    if (wanted) return;
    wanted = true;
    open();
  }

  function stop(): void {
    wanted = false;
    clearTimeout(timer);
    socket?.close();
    socket = null;
    last = 0;
    interrupted = 0;
    state.value = "connecting";
  }

  return { state, listeners, returned, start, stop, showMotion };
});

/** Hear events while the component lives. `kinds`: beginnings of their kinds, as "fault."; `returned`: after an interruption. */
export function useEvents(kinds: string[], listener: Listener, returned: () => void = () => undefined): void {
  const store = useEventStore();
  store.start();
  const hear: Listener = (event) => {
    if (event.kind === "events.skipped") returned();
    else if (kinds.some((kind) => event.kind.startsWith(kind))) listener(event);
  };
  store.listeners.add(hear);
  store.returned.add(returned);
  onScopeDispose(() => {
    store.listeners.delete(hear);
    store.returned.delete(returned);
  });
}

/** Hear of the motion that these cameras report, while the component lives. */
export function useMotion(cameras: () => readonly string[], moved: (camera: string) => void): void {
  const store = useEventStore();
  const own = Symbol("motion");
  useEvents(["camera.motion"], ({ camera }) => camera !== null && cameras().includes(camera) && moved(camera));
  watch(cameras, (now, before) => now.join() !== before?.join() && store.showMotion(own, now), { immediate: true });
  onScopeDispose(() => store.showMotion(own, []));
}

const GATHER_MS = 400;

/** Read something again when events of these kinds come, once for many that come together. */
export function useRefreshOn(kinds: string[], again: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      again();
    }, GATHER_MS);
  };
  useEvents(kinds, soon, soon);
  onScopeDispose(() => clearTimeout(timer));
}
