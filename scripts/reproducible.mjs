// `npm run test:reproducible`: builds the widget a second time, in a copy of the checkout in another folder
// and with nothing compiled before, and compares every byte of pkg/ and dist/.
// Not reprotest or diffoscope: those come with one family of systems, and equal bytes are all that is asked.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildWidget } from "./build-widget.mjs";
import { installTools } from "./install-tools.mjs";
import { main, runStep, say, StepFailed } from "./run-step.mjs";
import { root, toolEnv, toolsDir } from "./workspace.mjs";

const FOLDERS = ["pkg", "dist"];
/** Without installing anything, and whatever its size. */
const BUILD = 'import("./scripts/build-widget.mjs").then(({ buildWidget }) => buildWidget())';

await main(async () => {
  await installTools();
  await buildWidget();
  const copy = mkdtempSync(path.join(tmpdir(), "keyslot-reproducible-"));
  try {
    const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
      cwd: root,
      encoding: "utf8",
    });
    for (const file of files.split("\0").filter(Boolean)) cpSync(path.join(root, file), path.join(copy, file));
    symlinkSync(path.join(root, "node_modules"), path.join(copy, "node_modules"));
    // The pinned tools, which are programs and not inputs: compiling them again would take minutes.
    mkdirSync(path.join(copy, "target"));
    symlinkSync(toolsDir, path.join(copy, "target", "tools"));
    const { CARGO_TARGET_DIR: _, ...env } = toolEnv();
    await runStep("Building the widget once more, elsewhere", process.execPath, ["--eval", BUILD], {
      cwd: copy,
      env,
    });
    const [here, there] = [root, copy].map(contents);
    const names = [...new Set([...Object.keys(here ?? {}), ...Object.keys(there ?? {})])];
    const different = names.filter((name) => here?.[name] !== there?.[name]);
    if (names.length === 0 || different.length > 0)
      throw new StepFailed(`Two builds of the same sources differ: ${different.join(", ")}`);
    say(`  ✓ Two builds give the same bytes: ${names.length} files`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

/** @param {string} checkout @returns {Record<string, string>} a hash by file */
function contents(checkout) {
  return Object.fromEntries(
    FOLDERS.flatMap((folder) =>
      readdirSync(path.join(checkout, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => {
          const file = path.join(entry.parentPath ?? entry.path, entry.name);
          return [path.relative(checkout, file), createHash("sha256").update(readFileSync(file)).digest("hex")];
        }),
    ),
  );
}
