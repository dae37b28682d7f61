// Pages that put something of their own in the place of `fetch`, as monitors, token refreshers and retry queues
// do: the server gets what was typed, byte by byte, and afterwards nothing of it is left in what the page was given.
import { createServer } from "node:http";
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

/** What each page does to `fetch`, before anything else runs in it. @type {Record<string, () => void>} */
const WRAPPERS = {
  "one that awaits first": () => {
    const real = globalThis.fetch;
    globalThis.fetch = async (...call) => {
      await 0;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return real(...call);
    };
  },
  "one that tries again": () => {
    const real = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      if (!init?.body) return real(input, init);
      // The first attempt reaches nobody: the port of a server that is not there.
      await real("http://localhost:9/", init).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 50));
      return real(input, init);
    };
  },
  "one that clones a Request": () => {
    const real = globalThis.fetch;
    globalThis.fetch = async (...call) => {
      await 0;
      const request = new Request(...call);
      return real(request.clone());
    };
  },
  "one that is an XMLHttpRequest": () => {
    globalThis.fetch = async (input, init = {}) => {
      await 0;
      return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open(init.method ?? "GET", String(input));
        for (const [name, value] of new Headers(init.headers)) request.setRequestHeader(name, value);
        request.onload = () => resolve(new Response(request.response, { status: request.status }));
        request.onerror = () => reject(new TypeError("Network request failed"));
        request.send(/** @type {any} */ (init.body));
      });
    };
  },
  "one that throws the first time": () => {
    const real = globalThis.fetch;
    let thrown = false;
    globalThis.fetch = (...call) => {
      if (call[1]?.body instanceof Uint8Array && !thrown) {
        thrown = true;
        throw new TypeError("not now");
      }
      return real(...call);
    };
  },
  "none, and a service worker": () => {},
};

// What is in front of the server is none of the page's policy.
test.use({ bypassCSP: true });

/**
 * Passes everything on to the server, and keeps what was posted.
 * @param {string} server
 */
async function startRecorder(server) {
  /** @type {string[]} */
  const posted = [];
  const proxy = createServer(async (request, answer) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const { method = "", url = "", headers } = request;
    if (method === "POST") posted.push(body);
    const { "content-type": type, authorization, origin } = headers;
    const asked = Object.fromEntries(
      Object.entries({
        "content-type": type,
        authorization,
        origin,
        "access-control-request-method": headers["access-control-request-method"],
        "access-control-request-headers": headers["access-control-request-headers"],
      }).filter(([, value]) => value !== undefined),
    );
    const response = await fetch(server + url, {
      method,
      headers: /** @type {any} */ (asked),
      body: body || undefined,
    });
    const told = Object.fromEntries(
      [...response.headers].filter(([name]) => /^(access-control|content-type)/.test(name)),
    );
    answer.writeHead(response.status, told).end(Buffer.from(await response.arrayBuffer()));
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (proxy.address());
  const close = () => {
    proxy.closeAllConnections();
    proxy.close();
  };
  return { url: `http://127.0.0.1:${port}`, posted, close };
}

for (const [name, wrap] of Object.entries(WRAPPERS)) {
  test(`${name}: the server gets what was typed, and nothing of it is left`, async ({
    page,
    world,
    dialog,
    outcome,
    connectionId,
  }) => {
    await page.addInitScript(wrap);
    await page.addInitScript(() => {
      /** @type {Uint8Array[]} */
      const bodies = [];
      const wrapped = globalThis.fetch;
      globalThis.fetch = (...call) => {
        if (call[1]?.body instanceof Uint8Array) bodies.push(call[1].body);
        return wrapped(...call);
      };
      Object.assign(globalThis, { bodies });
    });
    if (name.includes("service worker")) {
      // From a page of its own: the app's policy has Trusted Types, which want a policy for a worker's address.
      const plain = `${world.app.url}/registers`;
      await page.route(plain, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
      await page.goto(plain);
      await page.evaluate(async () => {
        await navigator.serviceWorker.register("/service-worker.js");
        await navigator.serviceWorker.ready;
      });
    }
    const recorder = await startRecorder(world.server.url);
    const options = { host: recorder.url };
    await page.goto(world.app.page("module", { integrationId: "acme-key", connectionId, options }));
    await page.getByRole("button", { name: "Connect" }).click();
    await dialog.field("apiKey").fill(ACCEPTED.apiKey);
    await dialog.submit.click();
    if (name.includes("throws")) {
      await expect(dialog.error).toContainText("could not be reached");
      await dialog.submit.click();
    }
    expect((await outcome()).result.connectionId).toBe(connectionId);

    recorder.close();
    const sent = { apiKey: ACCEPTED.apiKey, params: {}, connection_id: connectionId };
    expect(recorder.posted).toEqual([JSON.stringify(sent)]);
    expect((await world.sdk.getConnection("acme-key", connectionId)).credentials).toMatchObject({
      apiKey: ACCEPTED.apiKey,
    });
    const bodies = await page.evaluate(() =>
      /** @type {any} */ (globalThis).bodies.map((/** @type {Uint8Array} */ body) => [...body]),
    );
    expect(bodies.length).toBeGreaterThan(0);
    expect(bodies.flat().filter((/** @type {number} */ byte) => byte !== 0)).toEqual([]);
  });
}
