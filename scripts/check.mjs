// `npm run check`: everything about the code that can be told without running it.
// `npm run check -- clippy types` runs the named checks only.
// It only calls the tools one after the other; `npm run` alone would stop at the first that fails.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { checkBrowserFloor } from "./browser-floor.mjs";
import { buildWidget } from "./build-widget.mjs";
import { checkImportCircles } from "./import-circles.mjs";
import { installTools } from "./install-tools.mjs";
import { checkLicences } from "./licences.mjs";
import { checkPackage } from "./package-contents.mjs";
import { named } from "./named.mjs";
import { main, runStep, say, StepFailed } from "./run-step.mjs";
import { root, toolEnv } from "./workspace.mjs";

const ALL = ["--workspace", "--exclude", "tools"];

/** @typedef {{ name: string, title: string, run: () => Promise<unknown> | void }} Check */

/** @type {Check[]} */
const CHECKS = [
  step("rustfmt", "Rust formatting", "cargo", "fmt", "--all", "--check", "--", "--color", "never"),
  step("prettier", "JavaScript formatting", "prettier", "--check", "--log-level", "warn", "."),
  step(
    "clippy",
    "Clippy, this machine",
    ...["cargo", "clippy", "--locked", ...ALL, "--all-targets", "--", "-D", "warnings"],
  ),
  step(
    "clippy-wasm",
    "Clippy, wasm32",
    ...["cargo", "clippy", "--locked", "-p", "keyslot", "--target", "wasm32-unknown-unknown", "--all-targets"],
    ...["--", "-D", "warnings"],
  ),
  step(
    "rustdoc",
    "Rust documentation",
    ...["cargo", "doc", "--locked", ...ALL, "--no-deps", "--document-private-items"],
  ),
  { name: "types", title: "Types", run: types },
  { name: "circles", title: "Circles of imports", run: () => checkImportCircles() },
  { name: "package", title: "The package", run: checkPackage },
  { name: "browsers", title: "Nothing newer than the oldest browsers", run: checkBrowserFloor },
  { name: "purity", title: "core depends on no browser and no runtime", run: coreStaysPure },
  { name: "versions", title: "One version", run: versionsAgree },
  { name: "lockfile", title: "package-lock.json names no registry", run: lockfileNamesNoRegistry },
  { name: "licences", title: "Licences and sources", run: checkLicences },
];

await main(async () => {
  const checks = named("check", CHECKS, process.argv.slice(2));
  say("Keyslot: checking the code");
  await installTools();
  const failures = [];
  // Every check is run, so that one run names all that is wrong.
  for (const { title, run } of checks) {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      failures.push(title);
      say(`\n${error.message}\n`);
    }
  }
  if (failures.length > 0) throw new StepFailed(`Checks failed: ${failures.join(", ")}`);
  say(
    checks.length === CHECKS.length
      ? "  ✓ All checks passed"
      : `  ✓ ${checks.length} of ${CHECKS.length} checks passed`,
  );
});

/** A check that is one command. @param {string} name @param {string} title @param {string} command @param {...string} args @returns {Check} */
function step(name, title, command, ...args) {
  const env = toolEnv({ CARGO_TERM_COLOR: "never", RUSTDOCFLAGS: "-D warnings" });
  return { name, title, run: () => runStep(title, command, args, { env }) };
}

async function types() {
  await buildWidget();
  await runStep("Types", "tsc", ["--noEmit", "--project", "tsconfig.json"]);
}

/** core must compile without a browser, a network or a disk; its dependency list is the proof. */
async function coreStaysPure() {
  const { output } = await runStep(
    "core depends on no browser and no runtime",
    "cargo",
    ["tree", "--locked", "-p", "keyslot-core", "-e", "normal"],
    { log: "core-tree" },
  );
  const found = output.match(/\b(wasm-bindgen|web-sys|js-sys|tokio|hyper|rusqlite)\b/);
  if (found)
    throw new StepFailed(
      `keyslot-core must stay pure, but \`cargo tree -p keyslot-core -e normal\` names ${found[1]}.`,
    );
}

function versionsAgree() {
  const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const cargo = readFileSync(path.join(root, "Cargo.toml"), "utf8").match(
    /\[workspace\.package\]\s+version = "(.+?)"/,
  )?.[1];
  if (manifest.version !== cargo)
    throw new StepFailed(`package.json has version ${manifest.version}, Cargo.toml ${cargo}; they are one version.`);
  say("  ✓ package.json and Cargo.toml have the same version");
}

function lockfileNamesNoRegistry() {
  const consumers = readdirSync(path.join(root, "packaging"), { withFileTypes: true });
  const folders = [".", ...consumers.filter((entry) => entry.isDirectory()).map(({ name }) => `packaging/${name}`)];
  for (const folder of folders) {
    const file = path.join(root, folder, "package-lock.json");
    if (existsSync(file) && /"resolved":/.test(readFileSync(file, "utf8"))) {
      throw new StepFailed(
        `${folder}/package-lock.json holds \`resolved\` addresses. The project's .npmrc leaves them out in the ` +
          "checkout's root; elsewhere run `npm install --omit-lockfile-registry-resolved`.",
      );
    }
  }
  say("  ✓ No package-lock.json names a registry");
}
