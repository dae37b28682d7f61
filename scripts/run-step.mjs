// Runs one command of a longer task and says how it goes in short lines.
// The command's own output goes to a log file; it is shown only when the command fails.
// Not a task runner such as listr2: it is loaded before any package is installed.
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root, targetDir, toolEnv } from "./workspace.mjs";

/** A failure that has been explained to the reader already: print the message, no stack. */
export class StepFailed extends Error {
  name = "StepFailed";
}

const terminal = Boolean(process.stdout.isTTY) && !process.env.CI;
const HEARTBEAT_MS = 10_000;

/** Takes the live line away, where there is a terminal. */
const CLEAR = terminal ? "\r\x1b[2K" : "";

/** Prints one short line. @param {string} line */
export function say(line) {
  process.stdout.write(`${CLEAR}${line}\n`);
}

/**
 * Shows that something goes on: a live line on a terminal, a line every ten seconds elsewhere.
 * @param {string} title
 * @param {() => string} at what it is at
 * @returns {() => void} ends it
 */
function signsOfLife(title, at) {
  const started = Date.now();
  const beat = setInterval(
    () => {
      const elapsed = duration(Date.now() - started);
      const width = (process.stdout.columns || 80) - 1;
      if (terminal) process.stdout.write(`${CLEAR}${`  … ${title} · ${elapsed} · ${at()}`.slice(0, width)}`);
      else say(`      ${elapsed} · ${at().slice(0, 100) || title}`);
    },
    terminal ? 250 : HEARTBEAT_MS,
  );
  return () => {
    clearInterval(beat);
    process.stdout.write(CLEAR);
  };
}

/**
 * Runs a long task of many parts, and shows what it is at.
 * @template T
 * @param {string} title
 * @param {(at: (what: string) => void) => Promise<T>} task is given what to say it with
 * @returns {Promise<T>}
 */
export async function during(title, task) {
  let last = "";
  const end = signsOfLife(title, () => last);
  try {
    return await task((what) => (last = what));
  } finally {
    end();
  }
}

/** `83` becomes `1 min 23 s`. @param {number} ms */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/**
 * Runs `command` and resolves to all that it printed. Prints `title` with the time it took; while it
 * runs, a live line on a terminal and a sign of life every ten seconds elsewhere.
 *
 * @param {string} title what is being done, for a person ("Building the server")
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, log?: string, allowFailure?: boolean,
 *           quiet?: boolean, onLine?: (line: string) => void }} [options]
 *   `log`: name of the log file under target/log (default: made from the title);
 *   `allowFailure`: resolve with the exit code instead of throwing;
 *   `quiet`: say nothing when it was quick (under a second): for steps that had nothing to do.
 * @returns {Promise<{ code: number, output: string, ms: number }>}
 * @throws {StepFailed} the command could not be started, or it failed and `allowFailure` is not set
 */
export async function runStep(title, command, args, options = {}) {
  const logDir = path.join(targetDir, "log");
  mkdirSync(logDir, { recursive: true });
  const name =
    options.log ??
    title
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "")
      .slice(0, 60);
  const logFile = path.join(logDir, `${name}.log`);
  const log = createWriteStream(logFile);
  const started = Date.now();

  if (terminal) process.stdout.write(`  … ${title}`);
  else if (!options.quiet) say(`  … ${title}`);

  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: options.env ?? toolEnv(),
    stdio: ["ignore", "pipe", "pipe"],
    // npm and the programs of node_modules/.bin are .cmd files on Windows.
    shell: process.platform === "win32" && !path.isAbsolute(command),
  });

  let output = "";
  let last = "";
  let pending = "";
  /** @param {Buffer} chunk */
  const take = (chunk) => {
    const text = chunk.toString();
    output += text;
    log.write(text);
    pending += text;
    const lines = pending.split(/\r?\n|\r/);
    pending = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim()) last = line.trim();
      options.onLine?.(line);
    }
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);

  const end = signsOfLife(title, () => last);

  const code = await new Promise((resolve) => {
    child.on("error", (error) => {
      output += `${error.message}\n`;
      resolve(127);
    });
    child.on("close", (status, signal) => resolve(status ?? (signal ? 1 : 0)));
  });
  end();
  if (pending) options.onLine?.(pending);
  await new Promise((resolve) => log.end(resolve));

  const ms = Date.now() - started;
  const mark = code === 0 ? "✓" : "✗";
  const line = `  ${mark} ${title} (${duration(ms)})`;
  if (!(options.quiet && code === 0 && ms < 1000)) say(line);

  if (code !== 0 && !options.allowFailure) {
    const tail = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-60).join("\n");
    const shown = path.relative(root, logFile);
    throw new StepFailed(
      `${tail || output.trimEnd()}\n\n${title}: \`${[path.basename(command), ...args].join(" ")}\` ended with code ${code}. ` +
        `All of its output is in ${shown}.`,
    );
  }
  return { code, output, ms };
}

/**
 * The main function of a script: prints an expected failure without a stack and sets the exit code.
 * @param {() => Promise<unknown>} body
 */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    if (error instanceof StepFailed) process.stderr.write(`\n${error.message}\n`);
    else process.stderr.write(`\n${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}
