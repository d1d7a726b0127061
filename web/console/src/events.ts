import { onUnmounted } from "vue";

import { socketAddress } from "./api";

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
    socket.onclose = () => {
      connected(false);
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
