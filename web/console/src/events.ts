import { onUnmounted } from "vue";

import { api, socketAddress } from "./api";

const SESSION_ENDED = 4401;
const ACCOUNT_CHANGED = 4403; // role or villages: the page is built anew

export interface StationEvent {
  id: number;
  at: string;
  kind: string;
  camera: string | null;
  village: string | null;
  data: Record<string, unknown>;
}

/** Listen to the station's events while the component lives; resumes where it was cut off. */
export function useEvents(listener: (event: StationEvent) => void, connected: (open: boolean) => void = () => {}): void {
  let socket: WebSocket | null = null;
  let last = 0;
  let stopped = false;
  let pause = 1000;

  function open(): void {
    socket = new WebSocket(socketAddress(`/api/events${last ? `?after=${last}` : ""}`));
    socket.onopen = () => {
      pause = 1000;
      connected(true);
    };
    socket.onmessage = (message) => {
      const event = JSON.parse(message.data as string) as StationEvent;
      last = event.id;
      listener(event);
    };
    socket.onclose = ({ code }) => {
      connected(false);
      if (code === SESSION_ENDED) void api.get("/api/me").catch(() => undefined); // which says why, and leads to the sign-in
      if (code === ACCOUNT_CHANGED && !stopped) return window.location.reload();
      if (!stopped) setTimeout(open, pause);
      pause = Math.min(pause * 2, 15000);
    };
  }

  open();
  onUnmounted(() => {
    stopped = true;
    socket?.close();
  });
}
