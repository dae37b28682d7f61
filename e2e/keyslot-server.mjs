// Starts the real `keyslot-server` on a free port with a database of its own.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { devBinary, optimisedBinary, root } from "../scripts/workspace.mjs";

/**
 * @typedef {object} RunningServer
 * @property {string} url
 * @property {number} pid
 * @property {string} secretKey
 * @property {string} dataDir
 * @property {string} encryptionKeys
 * @property {() => string} log everything that it has written so far
 * @property {(signal?: NodeJS.Signals) => Promise<number | null>} stop resolves to the exit code
 * @property {() => Promise<RunningServer>} restart the same data on the same port
 * @property {() => Promise<RunningServer>} another one more with the same keys and arguments, on a port and with a folder of its own
 * @property {() => Buffer} stored every byte of its data folder
 * @property {() => void} remove deletes its data folder
 */

/**
 * @param {{ release?: boolean, binary?: string, dev?: boolean, args?: string[], listen?: string, dataDir?: string, secretKey?: string, encryptionKeys?: string, adminPassword?: string, env?: Record<string, string> }} [options]
 * @returns {Promise<RunningServer>}
 */
export async function startServer(options = {}) {
  const built = options.release ? optimisedBinary("keyslot-server") : devBinary("keyslot-server");
  const binary = options.binary ?? built;
  if (!existsSync(binary)) throw new Error(`${binary} is missing: run \`npm test\` or the benchmark, which build it.`);
  const dataDir = options.dataDir ?? mkdtempSync(path.join(tmpdir(), "keyslot-e2e-"));
  const secretKey = options.secretKey ?? `ksk_dev_${randomBytes(32).toString("base64url")}`;
  const encryptionKeys = options.encryptionKeys ?? `e1:${randomBytes(32).toString("base64")}`;
  const args = [
    ...(options.dev ? ["--dev"] : []),
    "--listen",
    options.listen ?? "127.0.0.1:0",
    "--data-dir",
    dataDir,
    ...(options.args ?? []),
  ];
  /** @type {NodeJS.ProcessEnv} */
  const env = { PATH: process.env.PATH, KEYSLOT_SECRET_KEY: secretKey, ...options.env };
  if (!options.dev) env.KEYSLOT_ENCRYPTION_KEYS = encryptionKeys;
  if (options.adminPassword) env.KEYSLOT_ADMIN_PASSWORD = options.adminPassword;

  const child = spawn(binary, args, { env, cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (/** @type {Buffer} */ chunk) => (log += chunk.toString()));
  const ended = new Promise((resolve) => child.on("close", (code) => resolve(code)));

  const url = await new Promise((resolve, reject) => {
    const slow = setTimeout(() => reject(new Error(`keyslot-server was not ready after 20 s:\n${log}`)), 20_000);
    createInterface({ input: child.stdout }).on("line", (line) => {
      log += `${line}\n`;
      const ready = line.match(/^keyslot-server listening on (http:\/\/\S+)$/);
      if (ready) {
        clearTimeout(slow);
        resolve(ready[1]);
      }
    });
    void ended.then((code) => {
      clearTimeout(slow);
      reject(new Error(`keyslot-server ended with code ${code} before it was ready:\n${log}`));
    });
  });

  return {
    url,
    pid: child.pid ?? 0,
    secretKey,
    dataDir,
    encryptionKeys,
    log: () => log,
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      return ended;
    },
    restart: () => startServer({ ...options, dataDir, secretKey, encryptionKeys, listen: new URL(url).host }),
    another: () => startServer({ ...options, secretKey, encryptionKeys, dataDir: undefined, listen: undefined }),
    stored: () => Buffer.concat(filesBelow(dataDir).map((file) => readFileSync(file))),
    remove: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

/** @param {string} folder @returns {string[]} */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(full) : entry.isFile() ? [full] : [];
  });
}
