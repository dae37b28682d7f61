// `npm run check`: everything about the code that can be told without running it.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { checkBrowserFloor } from "./browser-floor.mjs";
import { buildWidget } from "./build-widget.mjs";
import { installTools } from "./install-tools.mjs";
import { checkLicences } from "./licences.mjs";
import { checkPackage } from "./package-contents.mjs";
import { main, runStep, say, StepFailed } from "./run-step.mjs";
import { root, toolEnv } from "./workspace.mjs";

const ALL = ["--workspace", "--exclude", "tools"];

/** Every check is run, so that one run names all that is wrong. @type {[string, () => Promise<unknown> | void][]} */
const CHECKS = [
  ["Rust formatting", () => cargo("Rust formatting", "fmt", "--all", "--check", "--", "--color", "never")],
  [
    "JavaScript formatting",
    () => runStep("JavaScript formatting", "prettier", ["--check", "--log-level", "warn", "."]),
  ],
  [
    "Clippy, this machine",
    () => cargo("Clippy, this machine", "clippy", "--locked", ...ALL, "--all-targets", "--", "-D", "warnings"),
  ],
  [
    "Clippy, wasm32",
    () =>
      cargo(
        "Clippy, wasm32",
        "clippy",
        "--locked",
        "-p",
        "keyslot",
        "--target",
        "wasm32-unknown-unknown",
        "--all-targets",
        "--",
        "-D",
        "warnings",
      ),
  ],
  [
    "Rust documentation",
    () => cargo("Rust documentation", "doc", "--locked", ...ALL, "--no-deps", "--document-private-items"),
  ],
  ["Types", types],
  ["The package", checkPackage],
  ["Nothing newer than the oldest browsers", checkBrowserFloor],
  ["core depends on no browser and no runtime", coreStaysPure],
  ["One version", versionsAgree],
  ["package-lock.json names no registry", lockfileNamesNoRegistry],
  ["Licences and sources", checkLicences],
];
await main(async () => {
  say("Keyslot: checking the code");
  await installTools();
  const failures = [];
  for (const [name, check] of CHECKS) {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      failures.push(name);
      say(`\n${error.message}\n`);
    }
  }
  if (failures.length > 0) throw new StepFailed(`Checks failed: ${failures.join(", ")}`);
  say("  ✓ All checks passed");
});

/** @param {string} title @param {...string} args */
function cargo(title, ...args) {
  return runStep(title, "cargo", args, { env: toolEnv({ CARGO_TERM_COLOR: "never", RUSTDOCFLAGS: "-D warnings" }) });
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
