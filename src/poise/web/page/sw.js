/**
 * Keep the bundle for use offline, and give the page the headers that allow several threads.
 *
 * The version is the hash of the bundle's contents: another bundle is another worker with a cache of its own. Caches
 * belong to the whole host, so a cache's name says the folder too: each of several bundles keeps its own.
 */

const VERSION = "development";
const HOME = new URL("./", self.location).pathname;
const PREFIX = `poise ${HOME} `;
const CACHE = PREFIX + VERSION;

self.addEventListener("install", (event) => {
  event.waitUntil(fill());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(takeOver());
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== self.location.origin) return;
  event.respondWith(answer(event.request));
});

async function fill() {
  const response = await fetch("manifest.json", { cache: "no-cache" });
  const manifest = await response.clone().json();
  const cache = await caches.open(CACHE);
  await cache.put("manifest.json", response);
  // One after the other: the page that is being opened needs the line too. The browser's own cache may hold a file of
  // the bundle before, so the server is asked whether it has changed.
  for (const { path, offline } of manifest.files) {
    if (offline) await cache.add(new Request(path, { cache: "no-cache" }));
  }
}

async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  }
  await self.clients.claim();
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return isolated(kept);
  if (request.mode !== "navigate") return isolated(await fetch(request));
  const start = new URL(request.url).pathname === HOME && (await cache.match("index.html"));
  // Other pages below this folder are not ours, and may need to do without the headers.
  return start ? isolated(start) : fetch(request);
}

/** The same answer with the headers without which a page has one thread. */
function isolated(response) {
  if (response.type === "opaque" || response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
