// Makes the module that wasm-pack left in pkg/ smaller. Three things that wasm-pack has no switch for:
//
// - A panic becomes a bare trap. Nothing shows its message in the released widget (a trap is turned into a
//   rejection by js/calls.js), so the code that would compose it goes.
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
  return optimise(trapping, ["--flatten", "--rereloop", "-Oz", "-Oz"]).wasm;
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
  const [, from] = /** @type {RegExpMatchArray} */ (glue.match(/"(\.\/\w+_bg\.js)": import0/));
  return { wasm: renamed, glue: text.replace(`"${from}": import0`, "a: import0") };
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
