// Installs what building needs, from a machine that has only rustup and Node: the wasm target, the
// pinned wasm-pack and wasm-bindgen (built from this repository's Cargo.lock, package `tools`), and
// the npm packages of package-lock.json (esbuild, and Binaryen for its wasm-opt).
// Nothing is downloaded but crates and npm packages; nothing outside the checkout is changed except
// that rustup gets the toolchain and the target of rust-toolchain.toml.
// Not a tool manager (mise, asdf): a reader would have to install that first.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { main, runStep, StepFailed } from "./run-step.mjs";
import { root, targetDir, toolsDir, which } from "./workspace.mjs";

const WASM_TARGET = "wasm32-unknown-unknown";

/** Installs or refreshes everything; quick when there is nothing to do. */
export async function installTools() {
  checkNode();
  await installRust();
  await installNpmPackages();
  await buildPinnedTools();
}

function checkNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) {
    throw new StepFailed(
      `Node ${process.versions.node} is too old: Keyslot's scripts need Node 20 or newer (https://nodejs.org).`,
    );
  }
}

async function installRust() {
  if (!which("cargo")) {
    throw new StepFailed(
      "Rust is not installed (no `cargo` on PATH). Install it with rustup, then run this again: https://rustup.rs",
    );
  }
  if (!which("rustup")) {
    // A distribution's own Rust: usable when it can compile for the browser.
    const { output } = await runStep(
      "Looking for the wasm target",
      "rustc",
      ["--print", "target-libdir", "--target", WASM_TARGET],
      { quiet: true },
    );
    if (!existsSync(output.trim())) {
      throw new StepFailed(
        `This Rust has no ${WASM_TARGET} target and there is no rustup to add it. Install Rust with rustup: https://rustup.rs`,
      );
    }
    return;
  }
  const { output } = await runStep("Rust toolchain", "rustup", ["target", "list", "--installed"], { quiet: true });
  if (!output.split(/\s+/).includes(WASM_TARGET)) {
    await runStep(`Adding the ${WASM_TARGET} target`, "rustup", ["target", "add", WASM_TARGET]);
  }
}

async function installNpmPackages() {
  const lock = readFileSync(path.join(root, "package-lock.json"));
  const wanted = createHash("sha256")
    .update(lock)
    .update(process.platform + process.arch)
    .digest("hex");
  // Inside node_modules, so that deleting node_modules deletes the stamp with it.
  const stamp = path.join(root, "node_modules", ".keyslot-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  await runStep("Installing npm packages", "npm", ["ci", "--no-audit", "--no-fund"], {
    env: { ...process.env, PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: "1" },
  });
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

async function buildPinnedTools() {
  const first = !existsSync(path.join(toolsDir, process.platform === "win32" ? "wasm-pack.exe" : "wasm-pack"));
  mkdirSync(targetDir, { recursive: true });
  await runStep(
    first ? "Building wasm-pack and wasm-bindgen at their pinned versions (2 to 4 minutes, once)" : "Build tools",
    "cargo",
    ["build", "--locked", "--profile", "tools", "-p", "tools"],
    { quiet: !first, log: "tools" },
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(installTools);
