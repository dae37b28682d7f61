// `npm run bench:server`: how much the server does, on both databases, at 1, 32 and 256 clients. Clients
// and server share the machine, so more of it would do more. Budgets stand beside; the original's figures
// were measured elsewhere, on two cores as well.
//
// `--seconds N` for each figure (4); `--dev` takes the unoptimised build, to try the script out; `--binary PATH`
// takes one that is there already.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { startServer } from "../e2e/keyslot-server.mjs";
import { buildServer } from "../scripts/build-server.mjs";
import { startPostgres } from "../scripts/postgres.mjs";
import { main, runStep, say } from "../scripts/run-step.mjs";
import { releaseBinary } from "../scripts/workspace.mjs";

const dev = process.argv.includes("--dev");
const given = process.argv.indexOf("--seconds");
const SECONDS = given > 0 ? Number(process.argv[given + 1]) : 4;
const named = process.argv.indexOf("--binary");
const BINARY = named > 0 ? process.argv[named + 1] : undefined;
const CLIENTS = [1, 32, 256];
const CONNECTIONS = 1000;

/** Figures of the original on two cores, at 32 clients, and what we ask of ourselves. */
const BESIDE = {
  write: { original: "28/s", budget: 1400 },
  read: { original: "280/s", budget: 14_000 },
};

/**
 * Sends requests over `clients` connections, each the next one when the answer to the last is there.
 * @param {string} url @param {number} clients @param {(client: number, turn: number) => Buffer} make
 * @param {{ count?: number, seconds?: number, status: number, keep?: (body: string) => void }} until
 * @returns {Promise<{ rate: number, p50: number, p99: number, refused: number }>} a second; milliseconds
 */
async function load(url, clients, make, until) {
  const { hostname, port } = new URL(url);
  /** @type {number[]} */
  const times = [];
  let refused = 0;
  let sent = 0;
  const started = performance.now();
  const over = () =>
    until.count !== undefined ? sent >= until.count : performance.now() - started > (until.seconds ?? SECONDS) * 1000;
  const one = (/** @type {number} */ client) =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      socket.setNoDelay(true);
      let turn = 0;
      let at = 0;
      let pending = "";
      const next = () => {
        if (over()) {
          socket.end();
          return resolve(undefined);
        }
        sent += 1;
        at = performance.now();
        socket.write(make(client, turn));
        turn += 1;
      };
      socket.on("connect", next);
      socket.on("data", (chunk) => {
        pending += chunk.toString("latin1");
        const head = pending.indexOf("\r\n\r\n");
        if (head < 0) return;
        const length = Number(pending.slice(0, head).match(/content-length: (\d+)/i)?.[1] ?? 0);
        if (pending.length < head + 4 + length) return;
        times.push(performance.now() - at);
        if (Number(pending.slice(9, 12)) !== until.status) refused += 1;
        until.keep?.(pending.slice(head + 4));
        pending = "";
        next();
      });
      socket.on("error", reject);
    });
  await Promise.all(Array.from({ length: clients }, (_, client) => one(client)));
  const seconds = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { rate: Math.round(times.length / seconds), p50: at(0.5), p99: at(0.99), refused };
}

/** @param {string} method @param {string} target @param {string} token @param {unknown} [body] */
function bytes(method, target, token, body) {
  const text = body ? JSON.stringify(body) : "";
  return Buffer.from(
    `${method} ${target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

/** Resident memory in MB. @param {number} pid */
function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(status.match(/VmRSS:\s+(\d+)/)?.[1] ?? 0) / 1024;
}

const cell = (/** @type {unknown} */ value, width = 9) => String(value).padStart(width);

/** @param {string} name @param {string} catalog @param {string} [database] */
async function measure(name, catalog, database) {
  const started = performance.now();
  const args = ["--catalog", catalog, ...(database ? ["--database", database] : [])];
  const server = await startServer({ release: !dev, binary: BINARY, args });
  const ready = performance.now() - started;
  const idle = memory(server.pid);
  const key = server.secretKey;
  await load(server.url, 1, () => bytes("POST", "/integrations", key, { provider: "unchecked", unique_key: "u" }), {
    count: 1,
    status: 200,
  });
  const stored = (/** @type {number} */ number) =>
    bytes("POST", "/connections", key, {
      provider_config_key: "u",
      connection_id: `c${number}`,
      credentials: { type: "API_KEY", apiKey: `key-${number}` },
    });
  let number = 0;
  await load(server.url, 32, () => stored((number += 1)), { count: CONNECTIONS, status: 201 });
  /** @type {string[]} */
  const tokens = [];
  const mint = () => bytes("POST", "/connect/sessions", key, { end_user: { id: `u${tokens.length}` } });
  await load(server.url, 16, mint, {
    count: Math.max(...CLIENTS),
    status: 201,
    keep: (body) => tokens.push(JSON.parse(body).data.token),
  });

  say(`\n${name}: ready after ${Math.round(ready)} ms (200), ${idle.toFixed(1)} MB at rest (25)`);
  say(`${"".padEnd(34)}${cell("clients")}${cell("per s")}${cell("p50 ms")}${cell("p99 ms")}${cell("refused")}`);
  /** @type {[string, keyof typeof BESIDE | undefined, number, (client: number, turn: number) => Buffer][]} */
  const figures = [
    [
      "credential by session token",
      "write",
      200,
      (client, turn) => bytes("POST", "/api-auth/api-key/u", tokens[client % tokens.length], { apiKey: `key-${turn}` }),
    ],
    [
      "connection with credential",
      "read",
      200,
      (client, turn) =>
        bytes("GET", `/connections/c${((client * 7919 + turn) % CONNECTIONS) + 1}?provider_config_key=u`, key),
    ],
    ["connect session", undefined, 201, mint],
  ];
  for (const [title, beside, status, make] of figures) {
    for (const clients of CLIENTS) {
      const { rate, p50, p99, refused } = await load(server.url, clients, make, { seconds: SECONDS, status });
      const note =
        beside && clients === 32 ? `   budget ${BESIDE[beside].budget}, original ${BESIDE[beside].original}` : "";
      say(
        `${title.padEnd(34)}${cell(clients)}${cell(rate)}${cell(p50.toFixed(2))}${cell(p99.toFixed(2))}${cell(refused)}${note}`,
      );
    }
  }
  say(`memory after that: ${memory(server.pid).toFixed(1)} MB (80)`);
  await server.stop();
  server.remove();
}

await main(async () => {
  let binary = BINARY ?? (await buildServer());
  if (!dev && !BINARY) {
    await runStep("Building keyslot-server, optimised (some minutes)", "cargo", [
      "build",
      "--locked",
      "--release",
      "-p",
      "keyslot-server",
    ]);
    binary = releaseBinary("keyslot-server");
  }
  say(`\n${cpus().length} cores, ${cpus()[0]?.model ?? "unknown"}; clients and server share them.`);
  say(`The binary has ${(statSync(binary).size / 1e6).toFixed(1)} MB${dev ? " (unoptimised)" : ""}.`);
  const folder = mkdtempSync(path.join(tmpdir(), "keyslot-bench-"));
  const catalog = path.join(folder, "unchecked.yaml");
  writeFileSync(
    catalog,
    "unchecked:\n  display_name: Unchecked\n  auth_mode: API_KEY\n  credentials:\n" +
      "    apiKey: { type: string, title: Key, description: Any key. }\n  proxy: { base_url: 'https://unchecked.example' }\n",
  );
  const cluster = await startPostgres();
  try {
    await measure("SQLite", catalog);
    await measure("PostgreSQL", catalog, await cluster.another());
  } finally {
    await cluster.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});
