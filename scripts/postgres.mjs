// A PostgreSQL cluster of our own for tests: made in a temporary folder, on loopback, on a free port,
// and gone at the end. The programs come from the system's packages; a service that they may have
// started is left alone.
//
// `node scripts/postgres.mjs COMMAND ARG…` runs a command with the cluster's URL in
// KEYSLOT_TEST_POSTGRES.
// Not containers: the tests must run where there is no container runtime.
import { execFile, execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { aptInstall } from "./install-browser.mjs";
import { main, say, StepFailed } from "./run-step.mjs";
import { which } from "./workspace.mjs";

const run = promisify(execFile);

/** The variable by which tests find the cluster. */
export const POSTGRES_VARIABLE = "KEYSLOT_TEST_POSTGRES";

/** Where Debian, Fedora and Homebrew put the server's programs, which are often not on PATH. */
const FOLDERS = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"];
const OLDEST = 14;

/** The folder with initdb, postgres and pg_ctl, of the newest version. @returns {string | undefined} */
export function findPostgres() {
  if (process.env.PG_BIN) return process.env.PG_BIN;
  /** @type {[number, string][]} */
  const found = [];
  for (const folder of FOLDERS.filter(existsSync)) {
    for (const name of folder === "/usr" ? [""] : readdirSync(folder)) {
      const version = Number(name.match(/^(?:postgresql@)?(\d+)$/)?.[1] ?? 0);
      const bin = path.join(folder, name, "bin");
      if ((version > 0 || name === "" || name === "postgresql") && existsSync(path.join(bin, "initdb"))) {
        found.push([version, bin]);
      }
    }
  }
  const onPath = which("initdb");
  if (onPath) found.push([0, path.dirname(onPath)]);
  return found.sort(([a], [b]) => b - a)[0]?.[1];
}

/**
 * The folder with the programs, installed from the system's packages when it is missing.
 * @returns {Promise<string>}
 * @throws {StepFailed} it is missing and cannot be installed from here, or it is too old
 */
export async function installPostgres() {
  let bin = findPostgres();
  if (!bin) {
    const advice =
      "PostgreSQL not found, and this user cannot install system packages without a password. Install it, then run this again:\n" +
      "  Debian:  sudo apt-get install postgresql\n" +
      "  Fedora:  sudo dnf install postgresql-server\n" +
      "  macOS:   brew install postgresql\n" +
      "or name the folder of its programs: PG_BIN=/path/to/bin npm test";
    await aptInstall(["postgresql"], "PostgreSQL", advice);
    bin = findPostgres();
    if (!bin) throw new StepFailed(advice);
  }
  const version = execFileSync(path.join(bin, "postgres"), ["--version"], { encoding: "utf8" });
  const major = Number(version.match(/(\d+)/)?.[1]);
  if (major < OLDEST) throw new StepFailed(`PostgreSQL ${OLDEST} or newer is needed, ${bin} holds ${major}.`);
  return bin;
}

/**
 * @typedef {object} Cluster
 * @property {string} url of a database in it, for a user who may do everything there
 * @property {() => Promise<string>} another makes one more empty database, and resolves to its URL
 * @property {(mode?: "fast" | "immediate") => Promise<void>} stop stops the server; `immediate` is as bad as a crash
 * @property {() => Promise<void>} start starts it again, on the same port
 * @property {() => Promise<void>} remove stops it and removes its folder
 */

/**
 * Makes a cluster and starts it.
 * @returns {Promise<Cluster>}
 * @throws {StepFailed} as `installPostgres`, or it does not start
 */
export async function startPostgres() {
  const bin = await installPostgres();
  const folder = mkdtempSync(path.join(tmpdir(), "keyslot-postgres-"));
  const data = path.join(folder, "data");
  const log = path.join(folder, "log");
  // PostgreSQL refuses to run as root. Its packages bring a user; failing that, nobody owns less.
  const owner = process.getuid?.() === 0 ? ordinaryUser() : undefined;
  const as = owner ? { uid: owner.uid, gid: owner.gid } : {};
  const env = { PATH: process.env.PATH, LC_ALL: "C" };
  /** @param {string} program @param {string[]} args */
  const call = async (program, args) => {
    try {
      return await run(path.join(bin, program), args, { ...as, env, cwd: folder });
    } catch (error) {
      const { stderr = "", message } = /** @type {Error & { stderr?: string }} */ (error);
      const tail = existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(-20).join("\n") : "";
      throw new StepFailed(`${program} failed: ${stderr || message}\n${tail}`);
    }
  };

  chmodSync(folder, 0o700);
  if (owner) chownSync(folder, owner.uid, owner.gid);
  const port = await freePort();
  await call("initdb", ["-D", data, "-U", "keyslot", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"]);
  // Durable as in real use: fsync and synchronous_commit are what they are by default.
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300`;
  const start = async () => {
    await call("pg_ctl", ["start", "-D", data, "-l", log, "-w", "-t", "60", "-o", options]);
  };
  const stop = async (/** @type {"fast" | "immediate"} */ mode = "fast") => {
    await call("pg_ctl", ["stop", "-D", data, "-m", mode, "-w", "-t", "60"]);
  };
  const url = (/** @type {string} */ name) => `postgres://keyslot@127.0.0.1:${port}/${name}`;
  const remove = async () => {
    process.off("exit", atExit);
    await stop("immediate").catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  };
  const atExit = () => {
    try {
      execFileSync(path.join(bin, "pg_ctl"), ["stop", "-D", data, "-m", "immediate"], { ...as, env, cwd: folder });
    } catch {
      // It was stopped already.
    }
    rmSync(folder, { recursive: true, force: true });
  };
  process.on("exit", atExit);

  await start();
  let databases = 0;
  return {
    url: url("postgres"),
    another: async () => {
      const name = `keyslot_${(databases += 1)}`;
      await call("createdb", ["-h", "127.0.0.1", "-p", String(port), "-U", "keyslot", name]);
      return url(name);
    },
    start,
    stop,
    remove,
  };
}

/** @returns {{ uid: number, gid: number }} */
function ordinaryUser() {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(":");
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new StepFailed("PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody.");
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const [command, ...args] = process.argv.slice(2);
    if (!command) throw new StepFailed("Usage: node scripts/postgres.mjs COMMAND ARG…");
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
    const cluster = await startPostgres();
    say(`  ✓ PostgreSQL at ${cluster.url}`);
    const child = spawn(command, args, {
      stdio: "inherit",
      env: { ...process.env, [POSTGRES_VARIABLE]: cluster.url },
    });
    process.exitCode = await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve(code ?? 1));
    });
    await cluster.remove();
  });
}
