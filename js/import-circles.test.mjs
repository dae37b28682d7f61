// That `npm run check` refuses circles of imports: scripts/import-circles.mjs.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { checkImportCircles } from "../scripts/import-circles.mjs";
import { StepFailed } from "../scripts/run-step.mjs";

/** @param {Record<string, string>} files @param {(folder: string) => Promise<void>} body */
async function withFiles(files, body) {
  const folder = mkdtempSync(path.join(tmpdir(), "keyslot-circles-"));
  try {
    mkdirSync(path.join(folder, "js"));
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, "js", name), text);
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a circle of imports is refused, once and with all of its files", async () => {
  const files = {
    "a.mjs": 'import { b } from "./b.mjs";\nexport const a = () => b;\n',
    "b.mjs": 'import { c } from "./c.mjs";\nexport const b = () => c;\n',
    // A lazy import closes a circle as well.
    "c.mjs": 'export const c = () => import("./a.mjs");\n',
  };
  await withFiles(files, async (folder) => {
    await assert.rejects(checkImportCircles(folder, ["js"]), (error) => {
      assert.ok(error instanceof StepFailed);
      const circles = error.message.split("\n").slice(1);
      assert.equal(circles.length, 1, error.message);
      for (const name of ["js/a.mjs", "js/b.mjs", "js/c.mjs"]) assert.ok(circles[0].includes(name), error.message);
      return true;
    });
  });
});

test("files that share an import are no circle, nor are types of each other", async () => {
  const files = {
    "a.mjs": 'import { c } from "./c.mjs";\nimport { b } from "./b.mjs";\nexport const a = [b, c];\n',
    "b.mjs":
      'import { c } from "./c.mjs";\n/** @type {typeof import("./a.mjs").a | undefined} */\nexport const b = c;\n',
    "c.mjs": "export const c = undefined;\n",
  };
  await withFiles(files, (folder) => checkImportCircles(folder, ["js"]));
});

test("the checkout has no circle of imports", () => checkImportCircles());
