// That single checks and suites can be run by name: scripts/named.mjs, scripts/check.mjs.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { named } from "../scripts/named.mjs";
import { root } from "../scripts/workspace.mjs";

const steps = [{ name: "prettier" }, { name: "clippy" }, { name: "types" }];

test("the named steps are run in their own order, and all of them when none is named", () => {
  assert.deepEqual(named("check", steps, ["types", "prettier"]), [{ name: "prettier" }, { name: "types" }]);
  assert.deepEqual(named("check", steps, []), steps);
});

for (const [script, kind, known] of [
  ["check.mjs", "check", "clippy"],
  ["test.mjs", "suite", "native"],
]) {
  test(`${script} refuses a name that it does not know, and lists those that it knows`, () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [path.join(root, "scripts", script), known, "nonsense"],
      {
        encoding: "utf8",
      },
    );
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`No ${kind} named nonsense\\. There are: .*\\b${known}\\b`));
    assert.equal(stdout, "", "nothing is installed or run");
  });
}
