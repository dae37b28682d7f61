// Checks where the dependencies come from and under which licences, by the policy in deny.toml.
// cargo-deny reads the same file; it also knows security advisories, which need its database from the
// network, so that part runs only where cargo-deny is installed.
// Not cargo-deny alone: it is no part of rustup, and building it takes minutes on every machine and in CI.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { main, runStep, say, StepFailed } from "./run-step.mjs";
import { root, which } from "./workspace.mjs";

/** @typedef {{ name: string, version: string, source: string | null, license: string | null }} Crate */

/** @throws {StepFailed} naming each package that the policy does not allow */
export async function checkLicences() {
  const { parse } = await import("smol-toml");
  const policy = /** @type {any} */ (parse(readFileSync(path.join(root, "deny.toml"), "utf8")));
  /** @type {string[]} */
  const allowed = policy.licenses.allow;
  const exceptions = new Map(
    policy.licenses.exceptions?.map((/** @type {any} */ entry) => [entry.crate, entry.allow]) ?? [],
  );

  const crates = shippedCrates();
  const problems = [];
  for (const crate of crates) {
    if (crate.source === null) continue;
    if (!crate.source.startsWith("registry+"))
      problems.push(`${crate.name} ${crate.version} comes from ${crate.source}; only the package registry is allowed`);
    if (!(await satisfies(crate.license, [...allowed, ...(exceptions.get(crate.name) ?? [])]))) {
      problems.push(`${crate.name} ${crate.version} is under ${crate.license ?? "no stated licence"}`);
    }
  }
  for (const banned of policy.bans?.deny ?? []) {
    const found = crates.find((crate) => crate.name === banned.crate);
    if (found) problems.push(`${found.name} ${found.version} is banned: ${banned.reason ?? "see deny.toml"}`);
  }
  if (problems.length > 0) throw new StepFailed(`Not allowed by deny.toml:\n  ${problems.join("\n  ")}`);
  say(`  ✓ Licences and sources of ${crates.length} crates`);

  if (which("cargo-deny")) await runStep("Security advisories", "cargo", ["deny", "check", "advisories"]);
  else say("  · Security advisories not checked: cargo-deny is not installed (it needs its database from the network)");
}

/** Everything that ends up in a binary or in the .wasm: normal and build dependencies, all targets. @returns {Crate[]} */
function shippedCrates() {
  const metadata = JSON.parse(
    execFileSync("cargo", ["metadata", "--locked", "--format-version", "1"], {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 1 << 28,
    }),
  );
  const packages = new Map(metadata.packages.map((/** @type {any} */ entry) => [entry.id, entry]));
  const nodes = new Map(metadata.resolve.nodes.map((/** @type {any} */ node) => [node.id, node]));
  const seen = new Set();
  const queue = metadata.workspace_members.filter((/** @type {string} */ id) => packages.get(id).name !== "tools");
  while (queue.length > 0) {
    const id = queue.pop();
    if (seen.has(id)) continue;
    seen.add(id);
    for (const dependency of nodes.get(id).deps) {
      const kinds = dependency.dep_kinds.map((/** @type {any} */ entry) => entry.kind);
      if (kinds.some((/** @type {string | null} */ kind) => kind !== "dev")) queue.push(dependency.pkg);
    }
  }
  return [...seen].map((id) => packages.get(id));
}

/** @param {string | null | undefined} expression @param {string[]} allowed */
async function satisfies(expression, allowed) {
  if (!expression) return false;
  const { default: spdxSatisfies } = await import("spdx-satisfies");
  // Older crates write "MIT/Apache-2.0" for OR.
  return spdxSatisfies(expression.replaceAll("/", " OR "), allowed);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(checkLicences);
