// Where things are in this checkout, and the environment in which its commands run.
// Uses nothing but Node: it is loaded before any package is installed.
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the checkout. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");

/** Cargo's target folder: `CARGO_TARGET_DIR` when set, as Cargo itself reads it. */
export const targetDir = path.resolve(root, process.env.CARGO_TARGET_DIR || "target");

/** Where the pinned command-line tools are built (profile `tools`, package `tools`). */
export const toolsDir = path.join(targetDir, "tools");

const extension = process.platform === "win32" ? ".exe" : "";

/**
 * The environment of a build command: the pinned tools first on PATH, so that a wasm-pack,
 * wasm-bindgen or wasm-opt of another version on the machine is never picked up.
 * @param {Record<string, string>} [extra]
 * @returns {NodeJS.ProcessEnv}
 */
export function toolEnv(extra = {}) {
  const pathVariable = Object.keys(process.env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  const folders = [toolsDir, path.join(root, "node_modules", ".bin"), process.env[pathVariable] ?? ""];
  return { ...process.env, [pathVariable]: folders.join(path.delimiter), ...extra };
}

/**
 * The program that `name` means on PATH, or undefined.
 * @param {string} name
 * @param {string} [searchPath]
 */
export function which(name, searchPath = process.env.PATH ?? "") {
  for (const folder of searchPath.split(path.delimiter)) {
    const file = path.join(folder, name + extension);
    if (folder && existsSync(file)) return file;
  }
  return undefined;
}

/** A binary that one of Cargo's optimised profiles built. @param {string} name @param {"release" | "ci"} [profile] */
export function optimisedBinary(name, profile = "release") {
  return path.join(targetDir, profile, name + extension);
}

/** A binary that Cargo's `dev` profile built. @param {string} name */
export function devBinary(name) {
  return path.join(targetDir, "debug", name + extension);
}
