// `npm run bench:widget`: what a browser fetches to show the form, how long it takes, and what memory it
// keeps; beside `@nangohq/frontend` where that can run here. Real server (release build), Chromium, all on
// the loopback interface; scripts compressed with Brotli 11 and cached for ever, as a CDN serves them.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, loadavg } from "node:os";
import path from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { chromium } from "@playwright/test";
import { buildSync } from "esbuild";
import e2e from "../../e2e/playwright.config.mjs";
import { startWorld } from "../../e2e/fixtures.mjs";
import { ACCEPTED } from "../../e2e/provider-api.mjs";
import { root } from "../../scripts/workspace.mjs";

const RUNS = Number(process.env.RUNS ?? 15);

/** Bytes a second, milliseconds; as Chromium's DevTools emulate it: nothing added to preflights. */
const SLOW = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };

/** @type {{ name: string, entry: string, withPage: boolean }[]} */
const WAYS = [
  { name: "keyslot, all of it on the click", entry: "/assets/index.js", withPage: false },
  { name: "keyslot/external, script with the page", entry: "/assets/external.js", withPage: true },
];

/**
 * Connect UI is not on npm, so it cannot run here. Measured before, on this kind of machine, with its own
 * production build, an instant API and the SDK already in the page: openConnectUI() to visible input.
 */
const REFERENCE = [
  ["bytes · requests to the form, cold", "217.8 kB · 18"],
  ["input, cold · warm", "413 · 350 ms"],
  ["input, cold · warm, with the real Nango server", "649 · 585 ms"],
  ["input, cold, 4 × CPU", "1,500 ms"],
  ["input, cold, 1.6 Mbit/s, 150 ms, 4 × CPU", "2,702 ms"],
  ["JS heap", "4.75 MB"],
];

const world = await startWorld({ release: true });
const site = await serve();
const { launchOptions } = /** @type {any} */ (e2e.use);
const browser = await chromium.launch(launchOptions);
try {
  console.log(
    `\n${RUNS} runs each, min / median / max. ${cpus().length} × ${cpus()[0]?.model}, Chromium ${browser.version()}, ` +
      `load ${loadavg()[0]?.toFixed(1)}. Times in ms from the call.\n`,
  );
  const rows = [["", "shell drawn", "input has the focus", "bytes", "requests", "JS heap", "wasm memory"]];
  for (const way of WAYS) {
    for (const [name, slow, warm] of /** @type {const} */ ([
      ["cold", false, false],
      ["warm", false, true],
      ["cold, 4 × CPU, 1.6 Mbit/s, 150 ms", true, false],
      ["warm, 4 × CPU, 1.6 Mbit/s, 150 ms", true, true],
    ])) {
      /** @type {Measured[]} */
      const runs = [];
      // The first one warms the server and is not counted.
      for (let run = 0; run <= RUNS; run += 1) {
        const measured = await open(way, slow, warm);
        if (run > 0) runs.push(measured);
      }
      const { bytes, requests, heap, wasm } = /** @type {Measured} */ (runs.at(-1));
      rows.push([
        `${way.name}: ${name}`,
        spread(runs.map((run) => run.shell)),
        spread(runs.map((run) => run.input)),
        kilobytes(bytes),
        String(requests),
        kilobytes(heap),
        kilobytes(wasm),
      ]);
    }
  }
  print(rows);

  const sdk = [["Headless: import, then one credential", "loaded", "connected", "bytes of script, brotli"]];
  for (const [name, entry] of /** @type {const} */ ([
    ["@nangohq/frontend 0.71.10", "/stock.js"],
    ["keyslot/nango", "/assets/nango.js"],
  ])) {
    const runs = [];
    for (let run = 0; run <= RUNS; run += 1) {
      const measured = await headless(entry);
      if (run > 0) runs.push(measured);
    }
    sdk.push([
      name,
      spread(runs.map((run) => run.loaded)),
      spread(runs.map((run) => run.posted)),
      kilobytes(runs.at(-1)?.bytes ?? 0),
    ]);
  }
  print(sdk);
  print([["For reference: Nango's Connect UI, measured earlier, not in this run", ""], ...REFERENCE]);
} finally {
  await browser.close();
  site.close();
  await world.close();
}

/** @typedef {{ shell: number, input: number, bytes: number, requests: number, heap: number, wasm: number }} Measured */

/**
 * @param {boolean} slow
 * @returns {Promise<{ page: import("@playwright/test").Page, cdp: import("@playwright/test").CDPSession, traffic: { bytes: number, requests: number } }>}
 */
async function newPage(slow) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${site.url}/page`);
  await page.waitForFunction(() => "open" in globalThis && "headless" in globalThis);
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  const traffic = { bytes: 0, requests: 0 };
  cdp.on("Network.requestWillBeSent", () => (traffic.requests += 1));
  cdp.on("Network.loadingFinished", ({ encodedDataLength }) => (traffic.bytes += encodedDataLength));
  if (slow) {
    await cdp.send("Network.emulateNetworkConditions", SLOW);
    await cdp.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  }
  return { page, cdp, traffic };
}

/**
 * @param {{ entry: string, withPage: boolean }} way
 * @param {boolean} slow
 * @param {boolean} warm whether it is the second time in this page
 * @returns {Promise<Measured>}
 */
async function open({ entry, withPage }, slow, warm) {
  const { page, cdp, traffic } = await newPage(slow);
  const once = async () => {
    const token = await mint();
    return page.evaluate(
      ([entry, withPage, host, token]) => /** @type {any} */ (globalThis).open(entry, withPage, host, token),
      /** @type {const} */ ([entry, withPage, world.server.url, token]),
    );
  };
  if (warm) {
    await once();
    await page.evaluate(() => /** @type {any} */ (globalThis).end());
    traffic.bytes = traffic.requests = 0;
  }
  const times = await once();
  await page.waitForTimeout(50); // the last request's size comes after its end
  const { usedSize: heap } = await cdp.send("Runtime.getHeapUsage");
  const wasm = await page.evaluate(() => /** @type {any} */ (globalThis).wasmBytes());
  await page.context().close();
  return { ...times, ...traffic, heap, wasm };
}

/** @param {string} entry */
async function headless(entry) {
  const { page, traffic } = await newPage(false);
  const token = await mint();
  await page.evaluate((entry) => void entry, entry);
  const times = await page.evaluate(
    ([entry, host, token, apiKey]) => /** @type {any} */ (globalThis).headless(entry, host, token, apiKey),
    /** @type {const} */ ([entry, world.server.url, token, ACCEPTED.apiKey]),
  );
  await page.waitForTimeout(50);
  await page.context().close();
  return { ...times, bytes: traffic.bytes };
}

async function mint() {
  const { data } = await world.sdk.createConnectSession({ tags: {}, allowed_integrations: ["acme-key"] });
  return data.token;
}

/** The page and the scripts, compressed once. */
async function serve() {
  /** @type {Map<string, [Buffer, string]>} */
  const files = new Map();
  const add = (/** @type {string} */ name, /** @type {Uint8Array | string} */ body, /** @type {string} */ type) =>
    files.set(name, [
      brotliCompressSync(body, {
        params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 },
      }),
      type,
    ]);
  for (const name of ["index.js", "external.js", "nango.js", "keyslot_bg.wasm"]) {
    const type = name.endsWith(".wasm") ? "application/wasm" : "text/javascript";
    add(`/assets/${name}`, readFileSync(path.join(root, "dist", name)), type);
  }
  const stock = buildSync({
    stdin: { contents: `export { default } from "@nangohq/frontend";`, resolveDir: root },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2020",
    write: false,
  });
  add("/stock.js", stock.outputFiles[0]?.contents ?? "", "text/javascript");
  add("/page.js", readFileSync(path.join(root, "bench", "widget", "page.js")), "text/javascript");
  const html = '<!doctype html><title>Bench</title><h1>Settings</h1><script type="module" src="/page.js"></script>';
  add("/page", html, "text/html");
  const server = createServer((request, answer) => {
    const [body, type] = files.get(request.url ?? "") ?? [];
    if (!body) return answer.writeHead(404).end();
    answer.writeHead(200, {
      "content-type": String(type),
      "content-encoding": "br",
      "cache-control": "public, max-age=31536000, immutable",
    });
    return answer.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://localhost:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** @param {number[]} values */
function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ part) => Math.round(sorted[Math.round(part * (sorted.length - 1))] ?? 0);
  return `${at(0)} / ${at(0.5)} / ${at(1)}`;
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

/** @param {string[][]} rows */
function print(rows) {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows)
    console.log(
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  console.log("");
}
