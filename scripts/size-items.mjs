// `npm run size -- --items`: what holds the bytes of the module, item by item. The module is the one in dist/
// before its last pass (short names of imports), with the names of its functions kept. Functions are weighed by
// twiggy (https://docs.rs/twiggy), built from its crate; here they are put together by the part of the source
// that they come from. Code that was inlined counts where it was inlined.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { namedModule } from "./build-widget.mjs";
import { englishWords } from "./languages.mjs";
import { runStep, say } from "./run-step.mjs";
import { dataSegments, functions, shrinkModule } from "./shrink-module.mjs";
import { sizes } from "./size-table.mjs";
import { targetDir } from "./workspace.mjs";

const TWIGGY = "0.8.0";
/** So many functions are listed by name. */
const LARGEST = 15;

/** What twiggy lists beside functions. */
const NO_FUNCTION =
  /^(?:data segment|elem\[|import |export |type\[|global\[|memory\[|table\[|".*" subsection|custom section|wasm magic|.*section headers)/;

/** By part of the source: what of a function's name tells it. The first that fits counts. @type {[RegExp, string][]} */
const PARTS = [
  [/^core::ptr::drop_in_place|as core::ops::drop::Drop>/, "taking things apart (drop)"],
  // Most of a call is inlined there.
  [/\bkeyslot::session::run::/, "session::run, and what is inlined into it"],
  [/\bkeyslot_core::advice\b/, "core::advice"],
  [/\bkeyslot_core::(\w+)/, "core::$1"],
  [/\bkeyslot::(\w+)/, "$1"],
  [/\blol_alloc\b|__rust_|__rdl|\balloc::alloc\b/, "memory (lol_alloc)"],
  [/wasm_bindgen|js_sys|web_sys|gloo_net|serde_wasm_bindgen|^__wb|^__externref/, "bindings to JavaScript"],
  [/\b(?:alloc|core|std|serde|hashbrown)::/, "standard library"],
];
const OTHER = "other functions";

/** Prints the account. */
export async function printItems() {
  const twiggy = await installTwiggy();
  const file = path.join(targetDir, "keyslot_items.wasm");
  const wasm = await shrinkModule(readFileSync(namedModule), { keepNames: true });
  writeFileSync(file, wasm);
  const { output } = await runStep("Weighing", twiggy, ["top", "-n", "100000", "-f", "json", file], { quiet: true });
  /** @type {{ name: string, shallow_size: number }[]} */
  const items = JSON.parse(output.slice(output.indexOf("[")));
  const weighed = items.filter(({ name }) => !NO_FUNCTION.test(name));

  /** @type {Map<string, number>} */
  const parts = new Map();
  for (const { name, shallow_size: raw } of weighed) parts.set(partOf(name), (parts.get(partOf(name)) ?? 0) + raw);
  const { whole, without } = await weights(wasm);
  const rows = [...parts].map(([part, raw]) => ({ part, raw, brotli: without.get(part) ?? 0 }));
  for (const [part, raw] of dataParts(wasm)) rows.push({ part, raw, brotli: without.get(part) ?? 0 });
  rows.sort((a, b) => b.raw - a.raw);

  const line = (/** @type {string} */ name, /** @type {number} */ raw, /** @type {number | undefined} */ brotli) =>
    say(
      `  ${name.padEnd(52)}${raw.toLocaleString("en").padStart(9)}${(brotli?.toLocaleString("en") ?? "").padStart(9)}`,
    );
  say(`\n  ${"What holds the module's bytes".padEnd(52)}${"raw".padStart(9)}${"brotli".padStart(9)}`);
  for (const { part, raw, brotli } of rows) line(part, raw, brotli);
  line("all of it", whole.raw, whole.brotli);
  say(
    "\n  brotli: by how much the module would be smaller without the part. What parts have in common, and the long names of\n  imports, which dist/ does not have, are in none.",
  );
  say(`\n  The ${LARGEST} largest functions`);
  for (const { name, shallow_size: raw } of weighed.slice(0, LARGEST))
    line(name.replace(/::h[0-9a-f]{16}$/, "").replace("core::future::future::", ""), raw, undefined);
}

/** @param {string} name of a function */
function partOf(name) {
  for (const [pattern, part] of PARTS) {
    const found = name.match(pattern);
    if (found) return part.replace("$1", found[1] ?? "");
  }
  return OTHER;
}

/**
 * The module's size, and how much of it goes with each part.
 * @param {Buffer} wasm
 */
async function weights(wasm) {
  const { default: binaryen } = await import("binaryen");
  binaryen.setDebugInfo(false);
  const all = functions(binaryen, wasm).filter(({ module }) => !module);
  /** @param {typeof all} gone */
  const emptied = (gone) => {
    const module = binaryen.readBinary(wasm);
    for (const { name, params, results } of gone) {
      module.removeFunction(name);
      module.addFunction(name, params, results, [], module.unreachable());
    }
    const bytes = module.emitBinary();
    module.dispose();
    return Buffer.from(bytes);
  };
  const base = emptied([]);
  const whole = sizes(base);
  /** @type {Map<string, number>} */
  const without = new Map();
  for (const part of new Set(all.map(({ name }) => partOf(name)))) {
    const rest = emptied(all.filter(({ name }) => partOf(name) === part));
    without.set(part, whole.brotli - sizes(rest).brotli);
  }
  for (const [part, , places] of dataParts(base)) {
    const rest = Buffer.from(base);
    for (const [start, length] of places) rest.fill(0, start, start + length);
    without.set(part, whole.brotli - sizes(rest).brotli);
  }
  return { whole, without };
}

/**
 * The data of a module: name, bytes, and where it is in the file.
 * @param {Buffer} wasm
 * @returns {[string, number, [number, number][]][]}
 */
function dataParts(wasm) {
  const words = Object.entries(englishWords())
    .map(([key, text]) => `${key} ${text}\n`)
    .join("");
  /** @type {[string, Buffer | undefined][]} */
  const texts = [
    ["data: words (core::words)", Buffer.from(words)],
    ["data: style sheet (view/widget.css)", styleSheet(wasm)],
  ];
  let rest = dataSegments(wasm).map(({ offset, length }) => /** @type {[number, number]} */ ([offset, length]));
  /** @type {[string, number, [number, number][]][]} */
  const parts = [];
  for (const [name, text] of texts) {
    const at = text ? wasm.indexOf(text) : -1;
    if (!text || at < 0) continue;
    parts.push([name, text.length, [[at, text.length]]]);
    rest = rest.flatMap(([start, length]) =>
      at >= start && at < start + length
        ? [
            [start, at - start],
            [at + text.length, start + length - at - text.length],
          ]
        : [[start, length]],
    );
  }
  parts.push(["data: messages, names of members, tables", rest.reduce((sum, [, length]) => sum + length, 0), rest]);
  return parts;
}

/** The style sheet, as build.rs left it. @param {Buffer} wasm */
function styleSheet(wasm) {
  const found = wasm.toString("latin1").match(/:host\{all:initial[\x20-\x7e]+\}/);
  return found ? Buffer.from(found[0], "latin1") : undefined;
}

/** @returns {Promise<string>} the program */
async function installTwiggy() {
  const folder = path.join(targetDir, "twiggy");
  const program = path.join(folder, "bin", "twiggy");
  if (!existsSync(program)) {
    await runStep("Building twiggy (two minutes, once)", "cargo", [
      ...["install", "twiggy", "--version", TWIGGY, "--locked", "--root", folder],
    ]);
  }
  return program;
}
