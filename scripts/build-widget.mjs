// Builds the widget: wasm-pack's own output in pkg/, and from it the npm package's files in dist/.
//
//   dist/index.js          ESM, one file, the module inside
//   dist/external.js       ESM, fetches dist/keyslot_bg.wasm
//   dist/global.js         classic script, global `Keyslot`
//   dist/nango.js, react.js, vue.js, svelte.js, element.js
//                          further entries; each imports dist/index.js
//   dist/locales/*.js      the words of one language each; *.json: the same as data, for global.js
//   dist/*.d.ts            types
//   dist/integrity.json    a subresource-integrity hash for each file
// wasm-pack and esbuild do the building. No plugin of theirs makes all of these forms of one module, with
// hashes of each.
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { installTools } from "./install-tools.mjs";
import { checkLanguages, englishWords, languages, wordsOf } from "./languages.mjs";
import { moduleText } from "./module-text.mjs";
import { main, runStep, say, StepFailed } from "./run-step.mjs";
import { shortenNames, shrinkModule, trimGlue } from "./shrink-module.mjs";
import { FURTHER_ENTRIES, printSizes } from "./size-table.mjs";
import { digest, isDone, markDone } from "./stamp.mjs";
import { root, targetDir, toolEnv } from "./workspace.mjs";

const pkg = path.join(root, "pkg");
const dist = path.join(root, "dist");

/** The module as wasm-pack left it. */
export const namedModule = path.join(targetDir, "keyslot_named.wasm");

/** What the output depends on. */
const INPUTS = [
  "src",
  "core/src",
  "core/Cargo.toml",
  "js",
  "Cargo.toml",
  "Cargo.lock",
  "package-lock.json",
  "rust-toolchain.toml",
  ".cargo",
  "scripts/build-widget.mjs",
  "scripts/languages.mjs",
  "scripts/module-text.mjs",
  "scripts/shrink-module.mjs",
];

/** Words of core/src/words.rs that js/integration-list.js shows. */
const LIST_WORDS = ["title_plain", "close", "loading", "network", "expired", "expired_next", "retry"];

/** What of the glue is used, by what name; the rest (its own way of loading, …) is left out of dist/. */
const GLUE = {
  auth: "auth",
  reconnect: "reconnect",
  preload: "preload",
  close: "close",
  trapped: "trapped",
  imports: "__wbg_get_imports",
  start: "__wbg_finalize_init",
};

/**
 * Builds pkg/ and dist/ unless they are up to date.
 * @returns {Promise<boolean>} whether anything was built
 */
export async function buildWidget() {
  const inputs = digest(INPUTS);
  if (
    isDone("widget", inputs) &&
    existsSync(namedModule) &&
    existsSync(path.join(pkg, "keyslot_bg.wasm")) &&
    existsSync(path.join(dist, "integrity.json"))
  ) {
    return false;
  }
  await checkLanguages();
  rmSync(pkg, { recursive: true, force: true });
  const options = ["--profile", "widget", "--mode", "no-install", "--target", "web", "--no-pack", "--out-dir", "pkg"];
  await runStep("Building the widget (wasm-pack)", "wasm-pack", ["build", ...options], {
    // A panic's place in the source is part of the module: not where this machine keeps its crates.
    env: toolEnv({
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS: [
        `--remap-path-prefix=${process.env.CARGO_HOME ?? path.join(homedir(), ".cargo")}=cargo`,
        `--remap-path-prefix=${root}=keyslot`,
        // Without reference types: the shims around each import take more room than the table of objects in
        // the glue, half a kilobyte in all.
        "-Ctarget-feature=-reference-types",
        "-Clink-arg=--no-check-features",
        "-Clink-arg=--features=bulk-memory,bulk-memory-opt,mutable-globals,nontrapping-fptoint,sign-ext",
      ].join(" "),
    }),
  });
  // wasm-pack writes `*` there, which makes `npm pack` leave the files out of the package.
  rmSync(path.join(pkg, ".gitignore"), { force: true });
  const module = path.join(pkg, "keyslot_bg.wasm");
  // With the names of functions, for `npm run size -- --items`.
  copyFileSync(module, namedModule);
  writeFileSync(module, await shrinkModule(readFileSync(module)));
  await bundle();
  markDone("widget", inputs);
  return true;
}

async function bundle() {
  // Loaded here: esbuild is there only after install-tools.mjs has run.
  const esbuild = await import("esbuild");
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist);

  const whole = trimGlue(readFileSync(path.join(pkg, "keyslot.js"), "utf8"));
  const short = await shortenNames(
    readFileSync(path.join(pkg, "keyslot_bg.wasm")),
    whole,
    await glueFactory(esbuild, whole),
  );
  const glue = await glueFactory(esbuild, short.glue);
  const inlined = moduleText(short.wasm);
  const hashes = await writeLanguageData();

  /** @type {import("esbuild").Plugin} */
  const buildInputs = {
    name: "keyslot-build-inputs",
    setup(build) {
      build.onResolve({ filter: /^keyslot:/ }, ({ path: name }) => ({ path: name, namespace: "keyslot" }));
      build.onLoad({ filter: /glue$/, namespace: "keyslot" }, () => ({ contents: glue }));
      build.onLoad({ filter: /wasm$/, namespace: "keyslot" }, () => ({
        contents: JSON.stringify(inlined),
        loader: "json",
      }));
      build.onLoad({ filter: /english$/, namespace: "keyslot" }, () => ({
        contents: JSON.stringify(listWords()),
        loader: "json",
      }));
      build.onLoad({ filter: /language-hashes$/, namespace: "keyslot" }, () => ({
        contents: JSON.stringify(hashes),
        loader: "json",
      }));
      build.onLoad({ filter: /\.css$/, namespace: "keyslot" }, async ({ path: name }) => {
        const css = readFileSync(path.join(root, "js", name.replace("keyslot:", "")), "utf8");
        const { code } = await esbuild.transform(css, { loader: "css", minify: true, target: common.target });
        return { contents: code.trim(), loader: "text" };
      });
    },
  };
  /** @type {import("esbuild").Plugin} */
  const mainEntryApart = {
    name: "keyslot-main-entry-apart",
    setup(build) {
      build.onResolve({ filter: /^\.\/index\.js$/ }, () => ({ path: "./index.js", external: true }));
    },
  };
  /** @type {import("esbuild").Plugin} */
  const languagesAsData = {
    name: "keyslot-languages-as-data",
    setup(build) {
      const data = path.join(root, "js", "language-data.js");
      build.onResolve({ filter: /^\.\/language-modules\.js$/ }, () => ({ path: data }));
    },
  };
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  /** @type {import("esbuild").BuildOptions} */
  const common = {
    absWorkingDir: root,
    bundle: true,
    minify: true,
    charset: "utf8",
    // The floor: Chrome and Edge 97, Firefox 102, Safari 16.4.
    target: ["chrome97", "edge97", "firefox102", "safari16.4"],
    legalComments: "inline",
    banner: { js: `/*! keyslot ${version} | MIT OR Apache-2.0 */` },
    plugins: [buildInputs],
    logLevel: "warning",
  };
  const locales = languages().map((tag) => `locales/${tag}.js`);
  await esbuild.build({
    ...common,
    format: "esm",
    entryPoints: locales.map((name) => `js/${name}`),
    outdir: "dist/locales",
  });
  // Each entry imports them at run time, from beside itself.
  common.external = ["./locales/*"];
  await esbuild.build({ ...common, format: "esm", entryPoints: ["js/index.js", "js/external.js"], outdir: "dist" });
  await esbuild.build({
    ...common,
    format: "esm",
    entryPoints: FURTHER_ENTRIES.map((name) => `js/${name}.js`),
    outdir: "dist",
    external: [...common.external, "react", "vue"],
    plugins: [buildInputs, mainEntryApart],
  });
  // React's server rendering must not run hooks: Next.js and others look for this line at the very top.
  const react = path.join(dist, "react.js");
  writeFileSync(react, `"use client";\n${readFileSync(react, "utf8")}`);
  await esbuild.build({
    ...common,
    format: "iife",
    globalName: "Keyslot",
    entryPoints: ["js/index.js"],
    outfile: "dist/global.js",
    plugins: [buildInputs, languagesAsData],
  });
  await Promise.all(["index", "external", "global"].map((entry) => compress(path.join(dist, `${entry}.js`))));

  writeFileSync(path.join(dist, "keyslot_bg.wasm"), short.wasm);
  for (const entry of ["index", "external", "global", "locales", ...FURTHER_ENTRIES])
    copyFileSync(path.join(root, "js", `${entry}.d.ts`), path.join(dist, `${entry}.d.ts`));

  /** @type {Record<string, string>} */
  const integrity = {};
  const scripts = readdirSync(dist).filter((name) => name.endsWith(".js"));
  const data = languages().map((tag) => `locales/${tag}.json`);
  for (const name of [...scripts.sort(), "keyslot_bg.wasm", ...locales, ...data]) integrity[name] = hashOf(name);
  writeFileSync(path.join(dist, "integrity.json"), `${JSON.stringify(integrity, null, 2)}\n`);
}

/** The subresource-integrity hash of a file. @param {string} name below dist/ */
function hashOf(name) {
  const hash = createHash("sha384").update(readFileSync(path.join(dist, name)));
  return `sha384-${hash.digest("base64")}`;
}

/** Writes dist/locales/*.json. @returns {Promise<Record<string, string>>} their hashes, by language */
async function writeLanguageData() {
  mkdirSync(path.join(dist, "locales"));
  /** @type {Record<string, string>} */
  const hashes = {};
  for (const tag of languages()) {
    const name = `locales/${tag}.json`;
    writeFileSync(path.join(dist, name), JSON.stringify(await wordsOf(tag)));
    hashes[tag] = hashOf(name);
  }
  return hashes;
}

/**
 * What esbuild leaves: variables used once, mostly, as wasm-bindgen's glue is full of. A third of a kilobyte, Brotli.
 * @param {string} file a script, which is replaced
 */
async function compress(file) {
  const { minify } = await import("terser");
  const isModule = !file.endsWith("global.js");
  const { code } = await minify(readFileSync(file, "utf8"), {
    ecma: 2020,
    module: isModule,
    // A classic script's one variable is what it is for: nobody in the file uses it.
    toplevel: isModule,
    compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true },
    format: { comments: /^!/ },
  });
  writeFileSync(file, `${code}\n`);
}

/** The words in LIST_WORDS. @throws {StepFailed} one of them is gone */
function listWords() {
  const english = englishWords();
  return Object.fromEntries(
    LIST_WORDS.map((key) => {
      if (!english[key]) throw new StepFailed(`core/src/words.rs has no word "${key}", which LIST_WORDS asks for.`);
      return [key, english[key]];
    }),
  );
}

/**
 * wasm-bindgen's glue keeps its one instance in module variables. Wrapped in a function it can be made
 * anew, which is what js/calls.js does after a trap.
 * @param {typeof import("esbuild")} esbuild
 * @param {string} glue
 */
async function glueFactory(esbuild, glue) {
  const names = Object.entries(GLUE).map(([name, own]) => `${name}: ${own}`);
  const contents = `${glue.replaceAll(/^export (?=function)/gm, "").replace(/^export \{.*$/m, "")}
globalThis.keyslotGlue = { ${names.join(", ")} };`;
  // Bundled by itself first, so that what is not used is left out before it is wrapped.
  const result = await esbuild.build({
    stdin: { contents },
    bundle: true,
    format: "esm",
    define: { "globalThis.keyslotGlue": "glue" },
    target: "es2022",
    treeShaking: true,
    write: false,
    logLevel: "warning",
  });
  return `export function createGlue() {\nlet glue;\n${result.outputFiles[0].text}\nreturn glue;\n}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    await installTools();
    const built = await buildWidget();
    if (!built) say("  ✓ The widget is up to date");
    await printSizes();
  });
}
