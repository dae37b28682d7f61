// Refuses files that import each other in a circle, by dependency-cruiser. It is called through its API because
// that gives the whole circle to print, and lets a test plant one in a folder of its own.
//
// Imports in JSDoc types and in .d.ts files do not count: they are gone when the code runs.
import { root } from "./workspace.mjs";
import { say, StepFailed } from "./run-step.mjs";

const FOLDERS = ["js", "scripts", "e2e", "packaging", "bench", "www", "server/assets"];

/**
 * @param {string} [baseDir]
 * @param {string[]} [folders] below `baseDir`
 * @throws {StepFailed} naming the files of each circle
 */
export async function checkImportCircles(baseDir = root, folders = FOLDERS) {
  const { cruise } = await import("dependency-cruiser");
  const { output } = await cruise(folders, {
    baseDir,
    doNotFollow: { path: "node_modules" },
    validate: true,
    ruleSet: { forbidden: [{ name: "no-circle", severity: "error", from: {}, to: { circular: true } }] },
  });
  if (typeof output === "string") throw new Error("dependency-cruiser gave a report in the place of its result");
  if (output.summary.totalCruised === 0) throw new StepFailed(`There are no files below ${folders.join(", ")}.`);
  // A circle is found once from each of its files; sorted, they are the same.
  const circles = new Map(
    output.summary.violations.map(({ from, cycle = [] }) => {
      const files = cycle.map(({ name }) => name);
      return [[...files].sort().join(), [from, ...files].join(" → ")];
    }),
  );
  if (circles.size > 0)
    throw new StepFailed(`Files import each other in a circle:\n  ${[...circles.values()].join("\n  ")}`);
  say(`  ✓ No circle of imports among ${output.summary.totalCruised} files`);
}
