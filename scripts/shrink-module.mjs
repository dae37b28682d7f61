// Makes the module that wasm-pack left in pkg/ smaller. Four things that wasm-pack has no switch for:
//
// - A panic becomes a bare trap. Nothing shows its message in the released widget (a trap is turned into a
//   rejection by js/calls.js), so the code that would compose it goes, and its texts.
// - A second round of Binaryen's passes, over control flow that the first one has flattened.
// - Functions that are alike stand beside each other, where Brotli finds the one while it packs the other.
// - Short names for imports and exports in dist/: wasm-bindgen's carry a hash each, in the module and
//   again in its glue. pkg/ keeps them.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "./workspace.mjs";

/** Functions of the standard library that only ever report a panic, or that only a report would call. */
const PANICS =
  /::panicking::|begin_panic|rust_panic|handle_alloc_error|capacity_overflow|raw_vec::handle_error|(unwrap|expect)_failed|slice_.*_fail|panic_access_error|panic_poisoned|panic_already|wasm_bindgen::throw_str/;

/** What formats a value. Nothing in the widget does, so what is left of it belongs to panics. */
const FORMATTING = /\bcore\[\w+\]::fmt\b|\bcore::fmt\b/;
/** What composes the pieces: where it is called, somebody does format. */
const COMPOSING = /::fmt::write$|::fmt::format$|fmt::Formatter>::pad_integral$/;

const FEATURES = [
  "bulk-memory",
  "reference-types",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "sign-ext",
].map((feature) => `--enable-${feature}`);
/** Low memory is the far end of the stack: nothing is ever addressed by an offset from below 1024. */
const PASSES = ["--low-memory-unused", "-ocimfs=100", "-Oz"];
const STRIP = ["--strip-debug", "--strip-producers", "--strip-target-features"];

/**
 * Parts of wasm-bindgen's glue that this module has no use for: a loop that copies ASCII by the character
 * (every text here is short), what Safari needed before 16.4 once 2 GB were decoded, what memory over 2 GB
 * would need, views of the memory kept from call to call, and a registry of closures that the garbage collector finds (each of ours has an owner).
 * @type {[RegExp, string][]}
 */
const GLUE_CUTS = [
  [/ {4}let len = arg\.length;\n[^]*? {4}WASM_VECTOR_LEN = offset;\n {4}return ptr;\n/, ""],
  [/ {4}numBytesDecoded \+= [^]*?\n {4}\}\n/, ""],
  [/ {4}if \(realloc === undefined\) \{\n([^]*?) {4}\}\n/, "$1"],
  [/, realloc\) \{/, ") {"],
  [/, wasm\.\w+\);(?=\n\s+(?:var|const) len)/g, ");"],
  [/\nif \(!\('encodeInto' in [^]*?\n\}\n/, "\n"],
  [/ >>> 0/g, ""],
  [/ptr \/ 1/g, "ptr"],
  [
    / {4}if \(cached\w+Memory0 === null [^]*?\n {4}\}\n {4}return cachedDataViewMemory0/,
    "    return new DataView(wasm.memory.buffer)",
  ],
  [
    / {4}if \(cached\w+Memory0 === null [^]*?\n {4}\}\n {4}return cachedUint8ArrayMemory0/,
    "    return new Uint8Array(wasm.memory.buffer)",
  ],
  [/ {4}if \(stack_pointer == 1\) [^]*?;\n/, ""],
  [/\n {4}wasmInstance = instance;[^]*?return wasm;/, "\n    wasm = instance.exports;"],
  [/\nconst CLOSURE_DTORS = [^]*?;\n/, "\n"],
  [/ +CLOSURE_DTORS\.\w+\(.*\);\n/g, ""],
  [
    /function\(\) \{ return handleError\(function \((.*?)\) \{([^]*?)\n {8}\}, arguments\); \}/g,
    "handleError(($1) => {$2\n        })",
  ],
  [
    /function handleError\(f, args\) \{[^]*?\n\}\n/,
    `function handleError(f) {
      return (...args) => {
        try {
          return f(...args);
        } catch (e) {
          wasm.__wbindgen_exn_store(addHeapObject(e));
        }
      };
    }
`,
  ],
];

/**
 * Panics become traps; everything optimised once more; names of functions gone.
 * @param {Uint8Array} wasm with its name section
 * @param {{ keepNames?: boolean }} [options] `keepNames`: for an account of what holds the bytes
 * @returns {Promise<Buffer>}
 */
export async function shrinkModule(wasm, { keepNames = false } = {}) {
  const { default: binaryen } = await import("binaryen");
  const silent = trapping(binaryen, wasm, PANICS);
  const names = functions(binaryen, optimise(silent, ["-Oz", "-g"], []).wasm).map(({ name }) => name);
  if (names.some((name) => COMPOSING.test(name))) {
    throw new Error(
      `The widget formats text (${names.filter((name) => COMPOSING.test(name))}), which costs kilobytes.`,
    );
  }
  const passes = ["--flatten", "--rereloop", "-Oz", ...PASSES];
  const withoutFormatting = trapping(binaryen, silent, FORMATTING);
  const { wasm: small } = keepNames
    ? optimise(withoutFormatting, [...passes, "-g"], [])
    : optimise(withoutFormatting, passes);
  return withoutPanicTexts(small);
}

/**
 * The functions of a module.
 * @param {typeof import("binaryen").default} binaryen
 * @param {Uint8Array} wasm
 */
export function functions(binaryen, wasm) {
  const module = binaryen.readBinary(wasm);
  try {
    return Array.from({ length: module.getNumFunctions() }, (_, index) =>
      binaryen.getFunctionInfo(module.getFunctionByIndex(index)),
    );
  } finally {
    module.dispose();
  }
}

/**
 * Makes functions of certain names a trap.
 * @param {typeof import("binaryen").default} binaryen
 * @param {Uint8Array} wasm with its name section, which the result keeps
 * @param {RegExp} names
 * @throws {Error} there are none: the names are missing
 */
function trapping(binaryen, wasm, names) {
  const matching = functions(binaryen, wasm).filter(({ name, module }) => !module && names.test(name));
  if (matching.length === 0) throw new Error(`No function is named like ${names}: wasm-opt must keep names (-g).`);
  binaryen.setDebugInfo(true);
  const module = binaryen.readBinary(wasm);
  for (const { name, params, results } of matching) {
    module.removeFunction(name);
    module.addFunction(name, params, results, [], module.unreachable());
  }
  const changed = module.emitBinary();
  module.dispose();
  return changed;
}

/**
 * What the standard library and wasm-bindgen would say in a panic, and the table of digits that a number in
 * it would be written with.
 */
const PANIC_TEXTS = [
  /assertion failed: [\w.()! ]+\)/,
  /index out of bounds: the len is/,
  / but the index is/,
  /range (?:start|end) index /,
  / out of range for slice of length /,
  /cannot access a Thread Local Storage value during or after destruction: /,
  /copy_from_slice: source slice length \(/,
  /\) does not match destination slice length \(/,
  /(?:insertion|removal) index \(is /,
  /\) should be <=? len \(is /,
  /finish: (?:callbacks|result) should be \w+/,
  /FnOnce called more than once/,
  /Attempted to initialize thread-local while it is being dropped/,
  /mid > len/,
  /attempt to join into collection with len > usize::MAX/,
  /capacity overflow/,
  /(?:0[0-9]){10}[0-9]{180}/,
  /LazyCell instance has previously been poisoned/,
  /`async fn` resumed after completion/,
  /RefCell already (?:mutably )?borrowed/,
  /called `(?:Option|Result)::\w+\(\)` on an? `\w+` value/,
  /closure invoked recursively or after being dropped/,
  /internal error: entered unreachable code/,
];

/**
 * Blanks what panics would have said: the texts, the standard library's `Location` values (address and
 * length of a file name, line, column) and the file names.
 * @param {Buffer} wasm
 */
function withoutPanicTexts(wasm) {
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
  for (const { offset, length } of segments) {
    const text = wasm.toString("latin1", offset, offset + length);
    for (const dead of PANIC_TEXTS) {
      for (const match of text.matchAll(new RegExp(dead, "g"))) places.push([offset + match.index, match[0].length]);
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
export function dataSegments(wasm) {
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
 * The glue without what this module has no use for.
 * @param {string} glue wasm-bindgen's JavaScript
 */
export function trimGlue(glue) {
  return cut(glue, GLUE_CUTS);
}

/**
 * Short names for what the module imports and exports; what nobody uses is no longer exported.
 * @param {Uint8Array} wasm
 * @param {string} glue for it, trimmed
 * @param {string} bundled what is left of the glue when it is bundled
 * @returns {Promise<{ wasm: Buffer, glue: string }>} both, fitting each other
 */
export async function shortenNames(wasm, glue, bundled) {
  const { default: binaryen } = await import("binaryen");
  const used = new Set(Array.from(bundled.matchAll(/\bwasm\d*\.(\w+)/g), ([, name]) => name));
  const module = binaryen.readBinary(wasm);
  for (let index = module.getNumExports() - 1; index >= 0; index--) {
    const { name } = binaryen.getExportInfo(module.getExportByIndex(index));
    if (!used.has(name)) module.removeExport(name);
  }
  const pruned = module.emitBinary();
  module.dispose();
  const { wasm: renamed, output } = optimise(pruned, [...PASSES, "--minify-imports-and-exports-and-modules"]);
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
  text = text.replace(/^ {8}__wb\w+: (?:function|handleError)\([^]*?^ {8}\}\)?,?\n/gm, "");
  return { wasm: alikeTogether(renamed), glue: text.replace(/"\.\/\w+_bg\.js": import0/, "a: import0") };
}

/**
 * The functions in another order: each is followed by the one most like it of those that are left, beginning with
 * the largest. Alike is what has many runs of four words of its text in common, names aside. Takes 0.35 kB of
 * Brotli off; the order in which functions are called most often (Binaryen's own) adds as much.
 * @param {Buffer} wasm
 * @returns {Buffer}
 */
function alikeTogether(wasm) {
  const text = binaryenTool("wasm-dis", wasm, [], "out.wat").file.toString();
  const [head = "", ...fields] = text.replace(/\)\s*$/, "").split(/\n (?=\()/);
  const functions = fields
    .filter((field) => field.startsWith("(func "))
    .map((field) => {
      const words = field
        .replace(/\$[^\s)]+/g, "$")
        .split(/\s+/)
        .slice(3);
      return { field, runs: new Set(words.slice(3).map((_, at) => words.slice(at, at + 4).join(" "))) };
    });
  const left = new Set(functions);
  /** @type {string[]} */
  const ordered = [];
  let next = functions.reduce((a, b) => (b.field.length > a.field.length ? b : a));
  while (left.size > 0) {
    const { field, runs } = next;
    ordered.push(field);
    left.delete(next);
    let best = -1;
    for (const other of left) {
      const [few, many] = runs.size < other.runs.size ? [runs, other.runs] : [other.runs, runs];
      let shared = 0;
      for (const run of few) if (many.has(run)) shared++;
      const alike = shared / (runs.size + other.runs.size - shared + 1);
      if (alike > best) [best, next] = [alike, other];
    }
  }
  const others = fields.filter((field) => !field.startsWith("(func "));
  const assembled = binaryenTool("wasm-as", `${[head, ...others, ...ordered].join("\n ")}\n)\n`, [], "out.wasm").file;
  return optimise(assembled, [...PASSES, "--skip-pass=reorder-functions"]).wasm;
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
 * @param {string[]} [strip]
 */
function optimise(wasm, passes, strip = STRIP) {
  const { file, printed } = binaryenTool("wasm-opt", wasm, [...passes, ...strip], "out.wasm");
  return { wasm: file, output: printed };
}

/**
 * Runs one of Binaryen's tools.
 * @param {"wasm-opt" | "wasm-dis" | "wasm-as"} tool
 * @param {Uint8Array | string} input
 * @param {string[]} options
 * @param {string} name of the file that it writes
 */
function binaryenTool(tool, input, options, name) {
  const folder = mkdtempSync(path.join(tmpdir(), "keyslot-"));
  try {
    const [from, to] = ["in", name].map((file) => path.join(folder, file));
    writeFileSync(String(from), input);
    const script = path.join(root, "node_modules", "binaryen", "bin", tool);
    const printed = execFileSync(process.execPath, [script, ...FEATURES, ...options, String(from), "-o", String(to)], {
      encoding: "utf8",
      maxBuffer: 1 << 24,
    });
    return { file: readFileSync(String(to)), printed };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
