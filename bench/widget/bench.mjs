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
import { during } from "../../scripts/run-step.mjs";
import { root } from "../../scripts/workspace.mjs";

const RUNS = Number(process.env.RUNS ?? 15);

/** Bytes a second, milliseconds; as Chromium's DevTools emulate it: nothing added to preflights. */
const SLOW = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };

/**
 * How an app may have the widget. Connect UI's figures below are with its SDK in the page and the rest fetched on
 * the call, which is `keyslot/external` here; the first is the hardest, nothing is there before the click.
 * @typedef {{ name: string, entry: string, before: "nothing" | "script" | "form" }} Way
 * @type {Way[]}
 */
const WAYS = [
  { name: "keyslot, imported on the click", entry: "/assets/index.js", before: "nothing" },
  { name: "keyslot, script with the page", entry: "/assets/index.js", before: "script" },
  { name: "keyslot/external, script with the page", entry: "/assets/external.js", before: "script" },
  { name: "keyslot, preload() before", entry: "/assets/index.js", before: "form" },
];

/**
 * `most`: the budget, the median of call to focus in milliseconds. A warm run is the second one in its page, as the
 * rival's was.
 * @typedef {{ name: string, cpu: number, slow: boolean, warm: boolean, most: number | undefined }} Condition
 * @type {Condition[]}
 */
const CONDITIONS = [
  { name: "cold", cpu: 1, slow: false, warm: false, most: 43 },
  { name: "warm", cpu: 1, slow: false, warm: true, most: 36 },
  { name: "cold, 4 × CPU", cpu: 4, slow: false, warm: false, most: 160 },
  { name: "cold, 4 × CPU, 1.6 Mbit/s, 150 ms", cpu: 4, slow: true, warm: false, most: 700 },
  { name: "warm, 4 × CPU, 1.6 Mbit/s, 150 ms", cpu: 4, slow: true, warm: true, most: undefined },
];
/** Requests to show the form, at most, whatever is fetched when. */
const MOST_REQUESTS = 5;

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
  const rows = [
    ["", "shell in a frame", "input has the focus", "budget", "bytes", "requests", "JS heap", "wasm memory"],
  ];
  for (const way of WAYS) {
    for (const condition of CONDITIONS) {
      /** @type {Measured[]} */
      const runs = [];
      await repeated(`${way.name}: ${condition.name}`, async (counts) => {
        const measured = await open(way, condition);
        if (counts) runs.push(measured);
      });
      const { bytes, requests, heap, wasm } = /** @type {Measured} */ (runs.at(-1));
      const input = runs.map((run) => run.input);
      rows.push([
        `${way.name}: ${condition.name}`,
        spread(runs.map((run) => run.shell)),
        spread(input),
        condition.most === undefined ? "" : `${middle(input) <= condition.most ? "✓" : "✗"} ${condition.most}`,
        kilobytes(bytes),
        `${requests <= MOST_REQUESTS ? "✓" : "✗"} ${requests}`,
        kilobytes(heap),
        kilobytes(wasm),
      ]);
    }
  }
  print(rows);

  /** @type {Awaited<ReturnType<typeof trace>>[]} */
  const traces = [];
  await repeated("By Chromium's trace", async (counts) => {
    const traced = await trace();
    if (counts) traces.push(traced);
  });
  print([
    ["By Chromium's trace, module loaded: from auth() to the shell's paint", "min / median / max"],
    ["ms", spread(traces.map(({ ms }) => ms))],
    ["frames painted, that one counted", spread(traces.map(({ frames }) => frames))],
  ]);

  const sdk = [["Headless: import, then one credential", "loaded", "connected", "bytes of script, brotli"]];
  for (const [name, entry] of /** @type {const} */ ([
    ["@nangohq/frontend 0.71.10", "/stock.js"],
    ["keyslot/nango", "/assets/nango.js"],
  ])) {
    /** @type {Awaited<ReturnType<typeof headless>>[]} */
    const runs = [];
    await repeated(`Headless: ${name}`, async (counts) => {
      const measured = await headless(entry);
      if (counts) runs.push(measured);
    });
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

/**
 * The first run warms the server and does not count.
 * @param {string} title @param {(counts: boolean) => Promise<void>} once
 */
function repeated(title, once) {
  return during(title, async (at) => {
    for (let run = 0; run <= RUNS; run += 1) {
      at(`${title}, run ${run} of ${RUNS}`);
      await once(run > 0);
    }
  });
}

/** @typedef {{ shell: number, input: number, bytes: number, requests: number, heap: number, wasm: number }} Measured */

/**
 * @param {{ cpu: number, slow: boolean }} [condition]
 * @returns {Promise<{ page: import("@playwright/test").Page, cdp: import("@playwright/test").CDPSession, traffic: { bytes: number, requests: number } }>}
 */
async function newPage({ cpu, slow } = { cpu: 1, slow: false }) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${site.url}/page`);
  await page.waitForFunction(() => "open" in globalThis && "headless" in globalThis);
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  const traffic = { bytes: 0, requests: 0 };
  cdp.on("Network.requestWillBeSent", () => (traffic.requests += 1));
  cdp.on("Network.loadingFinished", ({ encodedDataLength }) => (traffic.bytes += encodedDataLength));
  if (slow) await cdp.send("Network.emulateNetworkConditions", SLOW);
  if (cpu > 1) await cdp.send("Emulation.setCPUThrottlingRate", { rate: cpu });
  return { page, cdp, traffic };
}

/**
 * @param {Way} way
 * @param {Condition} condition
 * @returns {Promise<Measured>}
 */
async function open({ entry, before }, condition) {
  const { page, cdp, traffic } = await newPage(condition);
  const once = async () => {
    const token = await mint();
    return page.evaluate(
      ([entry, before, host, token]) => /** @type {any} */ (globalThis).open(entry, before, host, token),
      /** @type {const} */ ([entry, before, world.server.url, token]),
    );
  };
  if (condition.warm) {
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

/**
 * From the call to the paint of the frame that first has the shell, by what the browser itself recorded.
 * @returns {Promise<{ ms: number, frames: number }>}
 */
async function trace() {
  const { page } = await newPage();
  await page.evaluate(() => /** @type {any} */ (globalThis).load("/assets/index.js"));
  const token = await mint();
  await browser.startTracing(page, {
    categories: ["blink.user_timing", "devtools.timeline"],
  });
  await page.evaluate(
    ([host, token]) => /** @type {any} */ (globalThis).open("/assets/index.js", "script", host, token),
    /** @type {const} */ ([world.server.url, token]),
  );
  /** @type {{ traceEvents: { name: string, ts: number, dur?: number, pid: number, tid: number }[] }} */
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  await page.context().close();
  const mark = (/** @type {string} */ name) => traceEvents.find((event) => event.name === name);
  const [call, shell] = [mark("keyslot: call"), mark("keyslot: shell")];
  if (!call || !shell) throw new Error("The trace has no marks: Chromium's categories have changed.");
  /** @param {string} name @returns {number[]} the ends of such events on the page's main thread after the call */
  const after = (name) =>
    traceEvents
      .filter((event) => event.name === name && event.pid === call.pid && event.tid === call.tid && event.ts > call.ts)
      .map(({ ts, dur = 0 }) => ts + dur)
      .sort((a, b) => a - b);
  // Each frame that changes something is prepared once and painted in pieces.
  const end = after("Paint").find((ts) => ts > shell.ts);
  if (end === undefined) throw new Error("The trace has no frame with the shell: Chromium's events have changed.");
  const frames = after("PrePaint").filter((ts) => ts < end).length;
  return { ms: (end - call.ts) / 1000, frames };
}

/** @param {string} entry */
async function headless(entry) {
  const { page, traffic } = await newPage();
  const token = await mint();
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
function middle(values) {
  return values.toSorted((a, b) => a - b)[Math.round((values.length - 1) / 2)] ?? 0;
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
