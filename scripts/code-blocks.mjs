// The blocks of code in the documents that people copy from, for the tests that compile and run them.
// Not a plugin for one test runner: the blocks are compiled by tsc, run by Node and opened in a browser.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./workspace.mjs";

/** Types whose comments have examples. */
const TYPES = ["js/index.d.ts", "js/nango.d.ts"];

/** @typedef {{ file: string, line: number, language: string, code: string }} Block `line`: of its first line of code */

/** @returns {Block[]} */
export function codeBlocks() {
  const pages = readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", ...pages.map((name) => `docs/${name}`), ...TYPES].flatMap((file) => {
    const text = readFileSync(path.join(root, file), "utf8");
    const plain = file.endsWith(".ts") ? text.replaceAll(/^ \* ?/gm, "") : text;
    return [...plain.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ 1: language = "", 2: code = "", index }) => ({
      file,
      line: plain.slice(0, index).split("\n").length + 1,
      language,
      code,
    }));
  });
}
