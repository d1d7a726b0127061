/**
 * The phone's service worker: keeps the shell (the pages' code, which is the same for everybody) so that the phone opens
 * without the station, and shows what waits to be sent. It keeps nothing else: no answer of the API, no picture, no video.
 */

/** The addresses of the shell's files; the build puts them here (vite.config.ts). Their names contain a hash. */
const SHELL = "SHELL_FILES" as unknown as readonly string[];
const PREFIX = "minwang-phone-";
const CACHE = PREFIX + hashOf(SHELL.join());
const PAGE = "/m/"; // one document for all pages
const SLOW_MS = 3_000; // on a weak network the kept page opens meanwhile

interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Lasting {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Clicking extends Lasting {
  notification: Notification;
}
interface Pushed extends Lasting {
  data: { json(): unknown } | null;
}
interface PhoneClient {
  url: string;
  focus(): Promise<unknown>;
  navigate(address: string): Promise<unknown>;
}
interface Worker_ {
  skipWaiting(): Promise<void>;
  registration: { showNotification(title: string, options: object): Promise<void> };
  clients: { claim(): Promise<void>; matchAll(options: { type: "window" }): Promise<PhoneClient[]>; openWindow(address: string): Promise<unknown> };
  addEventListener(type: "install" | "activate", listener: (event: Lasting) => void): void;
  addEventListener(type: "fetch", listener: (event: Fetching) => void): void;
  addEventListener(type: "push", listener: (event: Pushed) => void): void;
  addEventListener(type: "notificationclick", listener: (event: Clicking) => void): void;
}
const worker = self as unknown as Worker_;

/** FNV-1a, 32 bits: tells one release's shell from another's. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193) >>> 0;
  return hash.toString(16);
}

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll([PAGE, ...SHELL]);
  await worker.skipWaiting();
}

async function activate(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

const kept = async (address: string): Promise<Response | undefined> => (await caches.open(CACHE)).match(address);

/** The station's page; the kept one where the station does not answer in time. */
async function page(request: Request): Promise<Response> {
  const late = new Promise<Response | undefined>((resolve) => setTimeout(() => resolve(kept(PAGE)), SLOW_MS));
  const fetched = fetch(request);
  try {
    return (await Promise.race([fetched, late])) ?? (await fetched);
  } catch (problem) {
    const answer = await kept(PAGE);
    if (answer) return answer;
    throw problem;
  }
}

const file = async (request: Request, path: string): Promise<Response> => (await kept(path)) ?? fetch(request);

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));
worker.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin) return;
  if (event.request.mode === "navigate" && pathname.startsWith(PAGE)) event.respondWith(page(event.request));
  else if (SHELL.includes(pathname)) event.respondWith(file(event.request, pathname));
});
/** A message over the browser's push service: rings while the page is closed. It has the tag of the page's own notice. */
worker.addEventListener("push", (event) => {
  const { title, text, page: address } = (event.data?.json() ?? {}) as { title?: string; text?: string; page?: string };
  const path = address?.startsWith("/m/") ? address : PAGE;
  const alert = /^\/m\/alerts\/(\d+)$/.exec(path)?.[1];
  const options = { body: text ?? "", tag: alert ? `alert-${alert}` : path, renotify: true, requireInteraction: true, vibrate: [600, 200, 600], data: path };
  event.waitUntil(worker.registration.showNotification(title ?? "", options));
});
worker.addEventListener("notificationclick", (event) => {
  const address = String(event.notification.data ?? PAGE);
  event.notification.close();
  event.waitUntil(
    worker.clients.matchAll({ type: "window" }).then(async ([open]) => {
      if (!open) return worker.clients.openWindow(address);
      await open.navigate(address);
      return open.focus();
    }),
  );
});
