// Remembers that a step was done with these very inputs, so that doing it again can be skipped.
// Not make, which is missing on Windows, nor turbo, which must be installed first.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root, targetDir } from "./workspace.mjs";

/**
 * A digest of files and folders (everything below them), by name and content.
 * @param {string[]} inputs paths relative to the root of the checkout
 * @param {string} [extra] anything else that the result depends on
 */
export function digest(inputs, extra = "") {
  const hash = createHash("sha256").update(extra);
  /** @param {string} file */
  const add = (file) => {
    const full = path.join(root, file);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) add(path.join(file, name));
      return;
    }
    hash.update(`${file}\0`).update(readFileSync(full)).update("\0");
  };
  for (const input of inputs) add(input);
  return hash.digest("hex");
}

/** @param {string} name */
const file = (name) => path.join(targetDir, "stamps", name);

/** Whether step `name` was last finished with this digest. @param {string} name @param {string} value */
export function isDone(name, value) {
  return existsSync(file(name)) && readFileSync(file(name), "utf8") === value;
}

/** @param {string} name @param {string} value */
export function markDone(name, value) {
  mkdirSync(path.dirname(file(name)), { recursive: true });
  writeFileSync(file(name), value);
}
