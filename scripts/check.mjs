// `npm run check`: everything about the code that can be told without running it.
import { readFileSync } from "node:fs";
import path from "node:path";
import { buildWidget } from "./build-widget.mjs";
import { installTools } from "./install-tools.mjs";
import { checkLicences } from "./licences.mjs";
import { main, runStep, say, StepFailed } from "./run-step.mjs";
import { root, toolEnv } from "./workspace.mjs";

await main(async () => {
  say("Keyslot: checking the code");
  await installTools();
  await runStep("Rust formatting", "cargo", ["fmt", "--all", "--check"]);
  await runStep("JavaScript formatting", "prettier", ["--check", "--log-level", "warn", "."]);
  await runStep(
    "Clippy, this machine",
    "cargo",
    ["clippy", "--locked", "--workspace", "--exclude", "tools", "--all-targets", "--", "-D", "warnings"],
    { log: "clippy-host" },
  );
  await runStep(
    "Clippy, wasm32",
    "cargo",
    [
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
    ],
    { log: "clippy-wasm" },
  );
  await runStep("Rust documentation", "cargo", ["doc", "--locked", "--workspace", "--exclude", "tools", "--no-deps"], {
    log: "doc",
    env: toolEnv({ RUSTDOCFLAGS: "-D warnings" }),
  });
  await buildWidget();
  await runStep("Types", "tsc", ["--noEmit", "--project", "tsconfig.json"]);
  await coreStaysPure();
  versionsAgree();
  lockfileNamesNoRegistry();
  await checkLicences();
  say("  ✓ All checks passed");
});

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
  const lock = readFileSync(path.join(root, "package-lock.json"), "utf8");
  if (/"resolved":/.test(lock)) {
    throw new StepFailed(
      "package-lock.json holds `resolved` addresses. The project's .npmrc leaves them out: run `npm install` from the checkout's root.",
    );
  }
  say("  ✓ package-lock.json names no registry");
}
