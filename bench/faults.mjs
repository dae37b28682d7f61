// `npm run faults`: the server is killed again and again (SIGKILL) while 32 clients write, on SQLite, on
// PostgreSQL and with three servers on one PostgreSQL, whose own server is crashed as well. Everything
// that was acknowledged must be there, with the value that was written. `--short` is the form in
// `npm test`; `--seed N` repeats a run.
//
// A killed process loses nothing that the operating system holds. For power loss, what the server does to
// its SQLite files is recorded, and everything a disk may hold at many moments of that is computed and
// opened (bench/power-loss). `--only power-loss`, `sqlite`, `postgres` or `three` runs one of the four.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { startServer } from "../e2e/keyslot-server.mjs";
import { buildServer } from "../scripts/build-server.mjs";
import { startPostgres } from "../scripts/postgres.mjs";
import { during, main, runStep, say, StepFailed } from "../scripts/run-step.mjs";
import { devBinary, root } from "../scripts/workspace.mjs";

const WRITERS = 32;
/** How many wrong keys one session may try, in the run with three servers. */
const WRONG_ALLOWED = 10;
const short = process.argv.includes("--short");
const given = process.argv.indexOf("--seed");
const seed = given > 0 ? Number(process.argv[given + 1]) : randomBytes(4).readUInt32BE();

/** Mulberry32: a small generator whose runs can be repeated. @param {number} state */
function generator(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
const random = generator(seed);
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

const folder = mkdtempSync(path.join(tmpdir(), "keyslot-faults-"));
const catalog = path.join(folder, "unchecked.yaml");
writeFileSync(
  catalog,
  `unchecked:
  display_name: Unchecked
  auth_mode: API_KEY
  credentials:
    apiKey: { type: string, title: Key, description: Any key. }
  proxy: { base_url: 'https://unchecked.example' }
`,
);

let failures = 0;
/** @param {string} name @param {number} value @param {string} threshold @param {boolean} ok */
function report(name, value, threshold, ok) {
  if (!ok) failures += 1;
  say(`${ok ? "pass" : "fail"}  ${name}: ${value} (${threshold})`);
}

/**
 * @param {string} url @param {string} key @param {string} method @param {string} target
 * @param {unknown} [body] @param {Agent} [agent]
 * @returns {Promise<{ status: number, body: any }>} rejects when there is no whole answer
 */
function call(url, key, method, target, body, agent) {
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(target, url),
      {
        method,
        agent,
        timeout: 30_000,
        headers: { authorization: `Bearer ${key}`, ...(body ? { "content-type": "application/json" } : {}) },
      },
      (answer) => {
        /** @type {Buffer[]} */
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          if (!answer.complete) return reject(new Error("cut short"));
          try {
            resolve({ status: answer.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString() || "null") });
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    sent.on("error", reject);
    sent.on("timeout", () => sent.destroy(new Error("no answer within 30 s")));
    sent.end(body ? JSON.stringify(body) : undefined);
  });
}

/** The credential that a client stores with its write of this number. @param {string} id @param {number} written */
const credentialOf = (id, written) => `${id}:${written}`;

/** Clients that write without end to whichever server is there, and what they were promised. */
class Writers {
  /** @param {() => string[]} urls the servers of the moment @param {string} key */
  constructor(urls, key) {
    this.urls = urls;
    this.key = key;
    /** @type {Map<string, string>} */
    this.acknowledged = new Map();
    this.unexpected = new Map();
    this.running = true;
    this.done = Promise.all(Array.from({ length: WRITERS }, (_, number) => this.write(number)));
  }

  /** @param {number} number */
  async write(number) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let index = 0; this.running; index += 1) {
      const urls = this.urls();
      const url = urls[(number + index) % urls.length];
      // Half of them are new, half replace what this client wrote before.
      const id = `w${number}-${index % 2 === 0 ? index : Math.floor(random() * index)}`;
      const value = credentialOf(id, index);
      if (!url) {
        await sleep(5);
        continue;
      }
      const body = {
        provider_config_key: "unchecked",
        connection_id: id,
        credentials: { type: "API_KEY", apiKey: value },
        // In the clear, for bench/power-loss, which has no key.
        metadata: { written: index },
      };
      try {
        const { status } = await call(url, this.key, "POST", "/connections", body, agent);
        if (status === 200 || status === 201) this.acknowledged.set(id, value);
        else {
          // Refused, or cut off after it was stored: either value may be there.
          this.acknowledged.delete(id);
          this.unexpected.set(status, (this.unexpected.get(status) ?? 0) + 1);
        }
      } catch {
        this.acknowledged.delete(id);
        await sleep(5);
      }
    }
    agent.destroy();
  }

  async stop() {
    this.running = false;
    await this.done;
  }

  /** How many acknowledged writes are not there, or with another value. @param {string} url */
  async lost(url) {
    return lost(url, this.key, this.acknowledged, (found, value) => found === value);
  }
}

/**
 * How many of the credentials a server does not give out as they were stored.
 * @param {string} url @param {string} key @param {Map<string, string>} expected
 * @param {(found: string, expected: string) => boolean} same
 */
async function lost(url, key, expected, same) {
  const agent = new Agent({ keepAlive: true, maxSockets: WRITERS });
  const all = [...expected];
  let count = 0;
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, number) => {
      for (let index = number; index < all.length; index += WRITERS) {
        const [id, value] = all[index];
        const target = `/connections/${id}?provider_config_key=unchecked`;
        const { status, body } = await call(url, key, "GET", target, undefined, agent);
        if (status !== 200 || !same(String(body.credentials?.apiKey), value)) count += 1;
      }
    }),
  );
  agent.destroy();
  return count;
}

/**
 * @param {string} name @param {number} kills @param {(what: string) => void} at
 * @param {string} [database] @param {import("../scripts/postgres.mjs").Cluster} [cluster]
 */
async function killed(name, kills, at, database, cluster) {
  const args = ["--catalog", catalog, ...(database ? ["--database", database] : [])];
  let server = await startServer({ args });
  await call(server.url, server.secretKey, "POST", "/integrations", { provider: "unchecked", unique_key: "unchecked" });
  let up = true;
  const writers = new Writers(() => (up ? [server.url] : []), server.secretKey);
  for (let kill = 0; kill < kills; kill += 1) {
    at(`kill ${kill + 1} of ${kills}`);
    await sleep(300 + random() * 900);
    up = false;
    // Every third time, the database crashes a moment before its client does.
    if (cluster && kill % 3 === 2) await cluster.stop("immediate");
    await server.stop("SIGKILL");
    if (cluster && kill % 3 === 2) await cluster.start();
    server = await server.restart();
    up = true;
  }
  at("reading what was acknowledged");
  await sleep(300);
  await writers.stop();
  const count = writers.acknowledged.size;
  const lost = await writers.lost(server.url);
  report(`${name}, ${kills} kills: acknowledged writes lost`, lost, `0 of ${count}`, lost === 0 && count > kills * 10);
  const check = await call(server.url, server.secretKey, "GET", "/audit-events/check");
  report(`${name}: audit chain intact`, Number(check.body.data.intact), "1", check.body.data.intact);
  const stopped = await server.stop();
  report(`${name}: exit code when asked to stop`, stopped ?? -1, "0", stopped === 0);
  server.remove();
}

/** @param {number} seconds @param {string} database */
async function three(seconds, database) {
  /** @type {Map<string, number>} */
  const delivered = new Map();
  const receiver = createServer((incoming, answer) => {
    let body = "";
    incoming.on("data", (chunk) => (body += chunk));
    incoming.on("end", () => {
      if (incoming.url === "/refused") return answer.writeHead(401).end();
      const id = String(incoming.headers["webhook-id"]);
      delivered.set(id, (delivered.get(id) ?? 0) + 1);
      answer.writeHead(200).end();
    });
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (receiver.address());
  // A provider that knows no key.
  const refusing = path.join(folder, "refusing.yaml");
  const verification = "verification: { method: GET, endpoints: [/refused] }";
  writeFileSync(
    refusing,
    `refusing:
  display_name: Refusing
  auth_mode: API_KEY
  credentials:
    apiKey: { type: string, title: Key, description: Any key. }
  proxy: { base_url: 'http://127.0.0.1:${port}', headers: { authorization: 'Bearer \${apiKey}' }, ${verification} }
`,
  );

  const args = ["--catalog", catalog, "--catalog", refusing, "--database", database, "--allow-net", "127.0.0.0/8"];
  args.push("--failures-session", String(WRONG_ALLOWED));
  const first = await startServer({ args });
  const key = first.secretKey;
  await call(first.url, key, "POST", "/integrations", { provider: "unchecked", unique_key: "unchecked" });
  // Leases of killed servers last a minute, too long to wait for in the short form.
  if (!short) await call(first.url, key, "PATCH", "/environment", { webhook_url: `http://127.0.0.1:${port}/hook` });
  const servers = [first, await first.another(), await first.another()];
  const up = new Set(servers.map((_, index) => index));
  const writers = new Writers(() => [...up].map((index) => servers[index].url), key);
  await call(first.url, key, "POST", "/integrations", { provider: "refusing", unique_key: "refusing" });
  const session = await call(first.url, key, "POST", "/connect/sessions", { end_user: { id: "guesser" } });
  const guesses = new Guesses(() => [...up].map((index) => servers[index].url), session.body.data.token);
  for (let second = 0; second < seconds; second += 1) {
    await sleep(600 + random() * 400);
    const index = Math.floor(random() * servers.length);
    up.delete(index);
    await servers[index].stop("SIGKILL");
    servers[index] = await servers[index].restart();
    up.add(index);
  }
  await writers.stop();
  await guesses.stop();
  const { told, limited } = guesses;
  const held = told > 0 && told <= WRONG_ALLOWED && limited > 0;
  report("three servers: wrong keys of one session that were told so", told, `at most ${WRONG_ALLOWED}`, held);
  const count = writers.acknowledged.size;
  for (const [index, server] of servers.entries()) {
    const lost = await writers.lost(server.url);
    const name = `three servers on one PostgreSQL, ${seconds} kills: lost, as server ${index + 1} sees it`;
    report(name, lost, `0 of ${count}`, lost === 0 && count > seconds * 10);
  }
  if (!short) {
    // Leases of killed servers end by themselves; then every event has been delivered, or is not pending.
    let pending = 1;
    let known = 0;
    let moved = Date.now();
    while (pending > 0 && Date.now() < moved + 90_000) {
      await sleep(500);
      if (delivered.size > known) moved = Date.now();
      known = delivered.size;
      pending = (await call(servers[0].url, key, "GET", "/webhooks?status=pending&limit=200")).body.data.length;
    }
    report("three servers: webhooks that were never delivered", pending, "0", pending === 0);
    const twice = [...delivered.values()].filter((times) => times > 1).length;
    // At least once is the promise. Twice may only be what a killed server had sent and not written down.
    const inHand = seconds * 64;
    report(
      "three servers: webhooks that came more than once",
      twice,
      `of ${delivered.size}; at most ${inHand}`,
      twice <= inHand,
    );
  }
  for (const server of servers) {
    await server.stop();
    server.remove();
  }
  receiver.close();
}

/** Somebody who tries wrong keys with one session, at all servers at once. */
class Guesses {
  /** How many were told to be wrong, and how many came to the limit. */
  told = 0;
  limited = 0;
  running = true;

  /** @param {() => string[]} urls @param {string} token */
  constructor(urls, token) {
    this.done = Promise.all(Array.from({ length: 3 }, (_, number) => this.guess(urls, token, number)));
  }

  /** @param {() => string[]} urls @param {string} token @param {number} number */
  async guess(urls, token, number) {
    for (let turn = number; this.running; turn += 1) {
      const all = urls();
      const url = all[turn % all.length];
      try {
        const target = "/api-auth/api-key/refusing";
        const { status, body } = await call(url, token, "POST", target, { apiKey: `wrong-${number}-${turn}` });
        if (status === 429) this.limited += 1;
        else if (body.error?.code === "connection_test_failed") this.told += 1;
      } catch {
        // Killed meanwhile; the next turn asks another.
      }
      await sleep(20);
    }
  }

  /** @returns {Promise<unknown>} */
  stop() {
    this.running = false;
    return this.done;
  }
}

/** Records a server and fails the power at many moments of the recording. */
async function powerLoss() {
  if (process.platform !== "linux") {
    say("      power loss: left out, because the recorder works on Linux only");
    return;
  }
  const recorder = path.join(folder, "recorder.so");
  const recording = path.join(folder, "recording");
  const kept = path.join(folder, "kept");
  const crate = path.join(root, "bench", "power-loss");
  await runStep("Building the recorder and the replay of power loss", "cargo", [
    "build",
    "--locked",
    "-p",
    "keyslot-power-loss",
  ]);
  const compiled = ["-O2", "-shared", "-fPIC", "-o", recorder, path.join(crate, "recorder.c")];
  await runStep("Compiling the recorder", "cc", compiled, { quiet: true });

  const dataDir = path.join(folder, "recorded");
  mkdirSync(dataDir);
  const args = ["--catalog", catalog];
  const env = { LD_PRELOAD: recorder, KEYSLOT_RECORD: recording, KEYSLOT_RECORD_FOLDER: dataDir };
  const server = await startServer({ args, dataDir, env });
  const { secretKey, encryptionKeys } = server;
  await call(server.url, secretKey, "POST", "/integrations", { provider: "unchecked", unique_key: "unchecked" });
  const writers = new Writers(() => [server.url], secretKey);
  await sleep(short ? 1500 : 8000);
  // Killed and not stopped, so that a tidy end does not help.
  writers.running = false;
  await server.stop("SIGKILL");
  await writers.done;

  const states = short ? 300 : 5000;
  const options = ["--states", states, "--control", short ? 60 : 500, "--into", kept, "--kept", short ? 1 : 5];
  const { output } = await runStep(
    `Failing the power at ${states} moments of ${Math.round(statSync(recording).size / 1e6)} MB of writes`,
    devBinary("keyslot-power-loss"),
    [recording, "--seed", String(seed), ...options.map(String)],
  );
  const found = JSON.parse(output);
  const { FULL: full, NORMAL: normal, OFF: off } = found.runs;
  const acknowledged = found.acknowledged;
  report("power loss: acknowledged writes in the recording", acknowledged, "≥ 200", acknowledged >= 200);
  report("power loss: states that lose acknowledged writes", full.losing, `0 of ${full.states}`, full.losing === 0);
  report("power loss: states that are corrupt", full.corrupt, `0 of ${full.states}`, full.corrupt === 0);
  for (const example of [...full.cases]) say(`      ${JSON.stringify(example)}`);
  // The controls: if these found nothing, the figures above would mean nothing.
  report(
    "power loss, syncs of synchronous=NORMAL: losing states",
    normal.losing,
    `more than a quarter of ${normal.states}`,
    normal.losing > normal.states / 4,
  );
  report("power loss, no syncs: corrupt states", off.corrupt, `some of ${off.states}`, off.corrupt > 0);

  for (const name of readdirSync(kept)) {
    const place = path.join(kept, name);
    /** @type {Record<string, number>} */
    const promised = JSON.parse(readFileSync(path.join(place, "promises.json"), "utf8"));
    const expected = new Map(Object.entries(promised).map(([id, written]) => [id, credentialOf(id, written)]));
    const survivor = await startServer({ args, dataDir: path.join(place, "data"), secretKey, encryptionKeys });
    // A newer value may be there: its answer was not on its way yet.
    const number = (/** @type {string} */ value) => Number(value.split(":")[1]);
    const missing = await lost(survivor.url, secretKey, expected, (is, was) => number(is) >= number(was));
    const title = `power loss: lost, as a server that starts on state ${Number(name) + 1} sees it`;
    report(title, missing, `0 of ${expected.size}`, missing === 0);
    const check = await call(survivor.url, secretKey, "GET", "/audit-events/check");
    report(
      `power loss: audit chain of state ${Number(name) + 1} intact`,
      Number(check.body.data.intact),
      "1",
      check.body.data.intact,
    );
    await survivor.stop();
  }
}

const chosen = process.argv.indexOf("--only");
/** @param {string} name */
const wanted = (name) => chosen < 0 || process.argv[chosen + 1] === name;

await main(async () => {
  say(`Keyslot: faults${short ? ", short form" : ""}, seed ${seed}`);
  await buildServer();
  const cluster = await startPostgres();
  try {
    const kills = short ? 3 : 20;
    if (wanted("power-loss")) await powerLoss();
    if (wanted("sqlite")) await during("SQLite, killed", (at) => killed("SQLite", kills, at));
    if (wanted("postgres")) {
      const database = await cluster.another();
      await during("PostgreSQL, killed", (at) => killed("PostgreSQL", kills, at, database, cluster));
    }
    if (wanted("three")) {
      const database = await cluster.another();
      await during("Three servers, killed in turn", () => three(short ? 4 : 20, database));
    }
  } finally {
    await cluster.remove();
    rmSync(folder, { recursive: true, force: true });
  }
  if (failures > 0) throw new StepFailed(`${failures} failed; repeat with: npm run faults -- --seed ${seed}`);
});
