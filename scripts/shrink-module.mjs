// Makes the module that wasm-pack left in pkg/ smaller. Three things that wasm-pack has no switch for:
//
// - A panic becomes a bare trap. Nothing shows its message in the released widget (a trap is turned into a
//   rejection by js/calls.js), so the code that would compose it goes, and the places in the source files.
// - A second round of Binaryen's passes, over control flow that the first one has flattened.
// - Short names for imports and exports in dist/: wasm-bindgen's carry a hash each, in the module and
//   again in its glue. pkg/ keeps them.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "./workspace.mjs";

/** Functions of the standard library that only ever report a panic. */
const PANICS =
  /::panicking::|begin_panic|rust_panic|handle_alloc_error|capacity_overflow|raw_vec::handle_error|(unwrap|expect)_failed|slice_.*_fail|panic_access_error|panic_poisoned|panic_already|wasm_bindgen::throw_str/;

const FEATURES = [
  "bulk-memory",
  "reference-types",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "sign-ext",
].map((feature) => `--enable-${feature}`);
const STRIP = ["--strip-debug", "--strip-producers", "--strip-target-features"];

/**
 * Parts of wasm-bindgen's glue that this module has no use for: a loop that copies ASCII by the character
 * (every text here is short), and what Safari needed before 16.4 once 2 GB were decoded.
 */
const GLUE_CUTS = [
  [/ {4}let len = arg\.length;\n[^]*? {4}WASM_VECTOR_LEN = offset;\n {4}return ptr;\n/, ""],
  [/ {4}numBytesDecoded \+= [^]*?\n {4}\}\n/, ""],
  [/ {4}if \(realloc === undefined\) \{\n([^]*?) {4}\}\n/, "$1"],
  [/, realloc\) \{/, ") {"],
  [/, wasm\.\w+\);(?=\n\s+(?:var|const) len)/g, ");"],
  [/\nif \(!\('encodeInto' in [^]*?\n\}\n/, "\n"],
];

/**
 * Panics become traps; everything optimised once more; names of functions gone.
 * @param {Uint8Array} wasm with its name section
 * @returns {Promise<Buffer>}
 */
export async function shrinkModule(wasm) {
  const { default: binaryen } = await import("binaryen");
  const module = binaryen.readBinary(wasm);
  const functions = Array.from({ length: module.getNumFunctions() }, (_, index) =>
    binaryen.getFunctionInfo(module.getFunctionByIndex(index)),
  );
  const panics = functions.filter(({ name, module: imported }) => !imported && PANICS.test(name));
  if (panics.length === 0) throw new Error("The module has no function names: wasm-opt must keep them (-g).");
  for (const { name, params, results } of panics) {
    module.removeFunction(name);
    module.addFunction(name, params, results, [], module.unreachable());
  }
  const trapping = module.emitBinary();
  module.dispose();
  // Low memory is the far end of the stack: nothing is ever addressed by an offset from below 1024.
  const { wasm: small } = optimise(trapping, [
    "--low-memory-unused",
    "-ocimfs=100",
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
  ]);
  return withoutPlaces(small);
}

/**
 * Blanks what panics would have named: the standard library's `Location` values (address and length of a
 * file name, line, column) and the file names.
 * @param {Buffer} wasm
 */
function withoutPlaces(wasm) {
  const segments = dataSegments(wasm);
  /** @type {[number, number][]} */
  const places = [];
  /** @param {number} address */
  const offset = (address) => {
    const segment = segments.find(({ start, length }) => address >= start && address < start + length);
    return segment ? segment.offset + address - segment.start : undefined;
  };
  for (const segment of segments) {
    for (let at = segment.offset + (-segment.start & 3); at + 16 <= segment.offset + segment.length; at += 4) {
      const [address, length, line, column] = [0, 4, 8, 12].map((field) => wasm.readUInt32LE(at + field));
      const name = offset(Number(address));
      if (!name || !line || !column || Number(length) > 200 || line > 1e5 || column > 1e3) continue;
      if (!/^[\w./-]+\.rs$/.test(wasm.toString("latin1", name, name + Number(length)))) continue;
      places.push([at, 16], [name, Number(length)]);
    }
  }
  for (const [at, length] of places) wasm.fill(0, at, at + length);
  return wasm;
}

/**
 * The active data segments (WebAssembly specification, binary format, data section).
 * @param {Buffer} wasm
 * @returns {{ start: number, offset: number, length: number }[]} address in memory, place in the file
 */
function dataSegments(wasm) {
  let at = 8;
  const number = () => {
    let [value, shift, byte] = [0, 0, 0];
    do {
      byte = wasm.readUInt8(at++);
      value |= (byte & 127) << shift;
      shift += 7;
    } while (byte & 128);
    return value >>> 0;
  };
  const segments = [];
  while (at < wasm.length) {
    const id = wasm.readUInt8(at++);
    const end = number() + at;
    if (id === 11) {
      for (let count = number(); count > 0; count--) {
        if (number() !== 0) throw new Error("A data segment of a kind that rustc does not make.");
        at++; // i32.const
        const start = number();
        at++; // end
        const length = number();
        segments.push({ start, offset: at, length });
        at += length;
      }
    }
    at = end;
  }
  return segments;
}

/**
 * Short names for what the module imports and exports.
 * @param {Uint8Array} wasm
 * @param {string} glue wasm-bindgen's JavaScript for it
 * @returns {{ wasm: Buffer, glue: string }} both, fitting each other
 */
export function shortenNames(wasm, glue) {
  const { wasm: renamed, output } = optimise(wasm, ["--minify-imports-and-exports-and-modules"]);
  /** @type {{ imports: [string, string, string][], exports: [string, string][] }} */
  const { imports, exports } = JSON.parse(output);
  /** @param {string} text */
  const literal = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  let text = glue;
  for (const [, long, short] of imports) text = text.replace(new RegExp(`\\b${literal(long)}(?=:)`), () => short);
  for (const [long, short] of exports) {
    text = text.replace(new RegExp(`\\bwasm\\.${literal(long)}\\b`, "g"), () => `wasm.${short}`);
  }
  // What only a panic would have called is no longer imported.
  text = text.replace(/^ {8}__wb\w+: function\([^]*?^ {8}\},?\n/gm, "");
  text = cut(text, GLUE_CUTS);
  const [, from] = /** @type {RegExpMatchArray} */ (glue.match(/"(\.\/\w+_bg\.js)": import0/));
  return { wasm: renamed, glue: text.replace(`"${from}": import0`, "a: import0") };
}

/**
 * @param {string} glue
 * @param {(string | RegExp)[][]} cuts
 * @throws {Error} one of them does not apply: wasm-bindgen's glue has changed
 */
function cut(glue, cuts) {
  return cuts.reduce((text, [what, by]) => {
    const shorter = text.replace(/** @type {RegExp} */ (what), String(by));
    if (shorter === text) throw new Error(`The glue has nothing like ${what}.`);
    return shorter;
  }, glue);
}

/**
 * @param {Uint8Array} wasm
 * @param {string[]} passes
 */
function optimise(wasm, passes) {
  const folder = mkdtempSync(path.join(tmpdir(), "keyslot-"));
  try {
    const [input, output] = ["in.wasm", "out.wasm"].map((name) => path.join(folder, name));
    writeFileSync(/** @type {string} */ (input), wasm);
    const wasmOpt = path.join(root, "node_modules", "binaryen", "bin", "wasm-opt");
    const printed = execFileSync(
      process.execPath,
      [wasmOpt, ...FEATURES, ...passes, ...STRIP, String(input), "-o", String(output)],
      { encoding: "utf8", maxBuffer: 1 << 24 },
    );
    return { wasm: readFileSync(/** @type {string} */ (output)), output: printed };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
