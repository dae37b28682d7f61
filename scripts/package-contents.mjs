// What is published: the list of files, and what two public checkers of packages say about it.
// publint and attw judge the package; the list of files is ours, so that none is published by accident.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { main, runStep, say, StepFailed } from "./run-step.mjs";
import { root, targetDir, toolEnv } from "./workspace.mjs";

/** One path a line, as `npm pack` puts them into the archive. */
const LIST = path.join(root, "packaging", "contents.txt");

/**
 * Packs the package as a publisher does.
 * @param {string} folder where the archive is put
 * @returns {{ archive: string, files: string[] }}
 */
export function pack(folder) {
  const output = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    shell: process.platform === "win32",
  });
  // Scripts of the package say things before it.
  const [{ filename, files }] = JSON.parse(output.slice(output.lastIndexOf('[\n  {\n    "id"')));
  return {
    archive: path.join(folder, filename),
    files: files.map((/** @type {{ path: string }} */ file) => file.path),
  };
}

/**
 * Expects a built dist/.
 * @throws {StepFailed} the list differs, or a checker complains
 */
export async function checkPackage() {
  const { archive, files } = pack(targetDir);
  const list = `${files.sort().join("\n")}\n`;
  if (process.argv.includes("--write")) writeFileSync(LIST, list);
  if (readFileSync(LIST, "utf8") !== list) {
    throw new StepFailed(
      `What \`npm pack\` packs is not what packaging/contents.txt lists. Now it is:\n${list}` +
        "If that is meant, write it down: npm run check:package -- --write",
    );
  }
  say(`  ✓ npm pack packs the ${files.length} files of packaging/contents.txt`);
  await runStep("publint", "publint", ["run", archive, "--strict"], { env: toolEnv() });
  // ESM only: `require()` of it is not promised. The module is a file to serve, with nothing to type.
  const attw = [archive, "--profile", "esm-only", "--exclude-entrypoints", "keyslot_bg.wasm", "--no-emoji"];
  await runStep("Are the types wrong?", "attw", attw, {
    env: toolEnv({ FORCE_COLOR: "0" }),
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { buildWidget } = await import("./build-widget.mjs");
    await buildWidget();
    await checkPackage();
  });
}
