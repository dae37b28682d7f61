// `npm run test:packaging`: what `npm pack` makes, installed into real apps (packaging/), built with their
// real tools, and opened in Chromium against the real server.
// Not workspaces of npm: they would link the checkout, and what is tested is the packed package.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildServer } from "./build-server.mjs";
import { buildWidget } from "./build-widget.mjs";
import { installBrowser } from "./install-browser.mjs";
import { installTools } from "./install-tools.mjs";
import { pack } from "./package-contents.mjs";
import { main, runStep, StepFailed } from "./run-step.mjs";
import { digest, isDone, markDone } from "./stamp.mjs";
import { root, targetDir, toolEnv } from "./workspace.mjs";

/** Where the consumers are built: outside the checkout's own node_modules, as a customer's app is. */
export const consumersDir = path.join(targetDir, "packaging");

/**
 * Apps that build, but for Next.js, which serves itself. `pages`: what is opened; `site`: the folder that is
 * served; `shared`: folders copied in first; `trustedTypes`: the policy that the framework itself makes.
 * @type {Record<string, { pages: string[], site: string, shared?: string[], trustedTypes?: string }>}
 */
export const BUILT = {
  vite: { pages: ["index.html", "external.html"], site: "dist" },
  webpack: { pages: ["index.html", "external.html"], site: "." },
  rollup: { pages: ["index.html", "external.html"], site: "." },
  esbuild: { pages: ["index.html", "external.html"], site: "." },
  "react-18": { pages: ["index.html"], site: ".", shared: ["react"] },
  "react-19": { pages: ["index.html"], site: ".", shared: ["react"] },
  vue: { pages: ["index.html"], site: "dist", trustedTypes: "vue" },
  svelte: { pages: ["index.html"], site: "dist", trustedTypes: "svelte-trusted-html" },
};
/** Pages that load the package's files as they are. */
export const STATIC = ["module", "external", "classic", "element", "raw-pkg"];

/** Installs and builds every consumer that is not up to date. */
export async function preparePackaging() {
  mkdirSync(consumersDir, { recursive: true });
  const { archive } = pack(consumersDir);
  const packed = digest([path.relative(root, archive)]);
  for (const [name, { shared = [] }] of Object.entries(BUILT)) await prepare(name, shared, archive, packed);
  await prepare("next", [], archive, packed);
  prepareStatic();
}

/** @param {string} name @param {string[]} shared @param {string} archive @param {string} packed */
async function prepare(name, shared, archive, packed) {
  const folder = path.join(consumersDir, name);
  const lock = digest([`packaging/${name}/package-lock.json`]);
  if (!isDone(`packaging-tools-${name}`, lock) || !existsSync(path.join(folder, "node_modules"))) {
    rmSync(folder, { recursive: true, force: true });
    cpSync(path.join(root, "packaging", name), folder, { recursive: true });
    // Not `npm ci`: it insists on optional packages for other systems, which a mirror may not have.
    await npm(`Packaging: tools of ${name}`, folder, ["install", "--ignore-scripts", "--prefer-offline"]);
    markDone(`packaging-tools-${name}`, lock);
  }
  const sources = digest(
    [name, ...shared, "connect.js"].map((file) => `packaging/${file}`),
    packed,
  );
  if (isDone(`packaging-${name}`, sources)) return;
  for (const file of [...shared, name]) cpSync(path.join(root, "packaging", file), folder, { recursive: true });
  cpSync(path.join(root, "packaging", "connect.js"), path.join(folder, "connect.js"));
  await npm(`Packaging: the package in ${name}`, folder, [
    "install",
    "--ignore-scripts",
    "--no-save",
    "--no-package-lock",
    archive,
  ]);
  await npm(`Packaging: building ${name}`, folder, ["run", "build"]);
  markDone(`packaging-${name}`, sources);
}

/** What is served as it is: the package as one of the others has installed it, and wasm-pack's output. */
function prepareStatic() {
  const folder = path.join(consumersDir, "static");
  rmSync(folder, { recursive: true, force: true });
  cpSync(path.join(root, "packaging", "static"), folder, { recursive: true });
  cpSync(path.join(root, "packaging", "connect.js"), path.join(folder, "connect.js"));
  const installed = path.join(consumersDir, "esbuild", "node_modules", "keyslot");
  cpSync(path.join(installed, "dist"), path.join(folder, "keyslot"), { recursive: true });
  cpSync(path.join(root, "pkg"), path.join(folder, "pkg"), { recursive: true });
  // The tag as the published README has it, but for where the file is.
  const [tag] =
    readFileSync(path.join(installed, "README.md"), "utf8").match(/<script src.+integrity.+<\/script>/) ?? [];
  if (!tag) throw new StepFailed("The packed README.md has no script tag with an integrity hash.");
  const classic = path.join(folder, "classic.html");
  const page = readFileSync(classic, "utf8");
  writeFileSync(classic, page.replace("<!-- script tag -->", tag.replace("/assets/", "keyslot/")));
}

/** @param {string} title @param {string} cwd @param {string[]} args */
function npm(title, cwd, args) {
  return runStep(title, "npm", [...args, "--no-audit", "--no-fund"], {
    cwd,
    quiet: true,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1", npm_config_update_notifier: "false" },
  });
}

/**
 * @param {string} chrome
 * @param {{ args?: string[], allowFailure?: boolean }} [options]
 */
export function runPackagingTests(chrome, { args = [], allowFailure = false } = {}) {
  const playwright = path.join("node_modules", "@playwright", "test", "cli.js");
  return runStep(
    "Every way in: bundlers, frameworks, script tags, plain Node",
    process.execPath,
    [playwright, "test", "--config", "packaging/playwright.config.mjs", ...args],
    { log: "test-packaging", allowFailure, env: toolEnv({ CHROME: chrome, FORCE_COLOR: "0" }) },
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    await installTools();
    const { chrome } = await installBrowser();
    await buildWidget();
    await buildServer();
    await preparePackaging();
    await runPackagingTests(chrome, { args: process.argv.slice(2) });
  });
}
