// What the browser fetches, in bytes, and what it may be: the budgets are here and nowhere else.
import { readFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { languages } from "./languages.mjs";
import { say, StepFailed } from "./run-step.mjs";
import { root } from "./workspace.mjs";

/** Brotli bytes that a page fetches to show the form, by way in. */
const BUDGETS = [
  { name: "external.js + keyslot_bg.wasm", files: ["external.js", "keyslot_bg.wasm"], brotli: 46_500 },
  { name: "index.js (one file)", files: ["index.js"], brotli: 48_000 },
];

/** Entries that import the main one, so that a page that uses several loads the module once. */
export const FURTHER_ENTRIES = ["react", "vue", "svelte", "element", "nango"];

/** @param {Uint8Array | string} content */
export function sizes(content) {
  const bytes = Buffer.from(content);
  return {
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_LGWIN]: 24,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }).length,
  };
}

/** @param {string} name */
const built = (name) => readFileSync(path.join(root, "dist", name));

/**
 * Prints the table for dist/.
 * @throws {StepFailed} a budget is exceeded
 */
export async function printSizes() {
  const esbuild = await import("esbuild");
  const glue = esbuild.transformSync(readFileSync(path.join(root, "pkg", "keyslot.js"), "utf8"), {
    minify: true,
    target: "es2022",
  }).code;
  const locales = languages()
    .map((tag) => ({ tag, size: sizes(built(`locales/${tag}.js`)) }))
    .sort((a, b) => b.size.brotli - a.size.brotli);
  const [largest] = locales;
  const rows = [
    ["pkg/keyslot.js (glue, minified)", sizes(glue)],
    ...["keyslot_bg.wasm", "external.js", "index.js", "global.js"].map((name) => [`dist/${name}`, sizes(built(name))]),
    ...(largest ? [[`dist/locales/${largest.tag}.js (largest of ${locales.length})`, largest.size]] : []),
    // Without the main entry, which each of them imports.
    ...FURTHER_ENTRIES.map((name) => [`dist/${name}.js`, sizes(built(`${name}.js`))]),
  ];
  const number = (/** @type {number} */ value) => value.toLocaleString("en").padStart(9);
  say(`\n  ${"".padEnd(34)}${"raw".padStart(9)}${"gzip".padStart(9)}${"brotli".padStart(9)}`);
  for (const [name, size] of rows) {
    const { raw, gzip, brotli } = /** @type {ReturnType<typeof sizes>} */ (size);
    say(`  ${String(name).padEnd(34)}${number(raw)}${number(gzip)}${number(brotli)}`);
  }
  say("");
  const over = [];
  for (const budget of BUDGETS) {
    const brotli = budget.files.reduce((sum, name) => sum + sizes(built(name)).brotli, 0);
    const fits = brotli <= budget.brotli;
    if (!fits) over.push(budget.name);
    say(
      `  ${fits ? "✓" : "✗"} ${budget.name}: ${brotli.toLocaleString("en")} of ${budget.brotli.toLocaleString("en")} bytes, brotli`,
    );
  }
  say("");
  if (over.length > 0)
    throw new StepFailed(`Over the size budget: ${over.join(", ")}. The budgets are in scripts/size-table.mjs.`);
}
