// A worker that every request of the page goes through.
const worker = /** @type {any} */ (globalThis);
worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  event.respondWith(fetch(event.request.clone()));
});
