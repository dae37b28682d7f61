// That whoever waits for a command sees that it goes on: scripts/run-step.mjs.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

// As a log has it, wherever the test is run.
process.env.CI = "1";
const { during } = await import("../scripts/run-step.mjs");

test("a long task without a terminal says every ten seconds what it is at, and nothing once it has ended", async () => {
  mock.timers.enable({ apis: ["setInterval", "Date"] });
  /** @type {string[]} */
  const said = [];
  const write = mock.method(process.stdout, "write", (/** @type {string} */ text) => said.push(text));
  try {
    const result = await during("Measuring", async (at) => {
      at("run 1 of 2");
      mock.timers.tick(9_000);
      at("run 2 of 2");
      mock.timers.tick(1_000);
      mock.timers.tick(10_000);
      return 7;
    });
    mock.timers.tick(60_000);
    assert.equal(result, 7);
  } finally {
    write.mock.restore();
    mock.timers.reset();
  }
  assert.deepEqual(said.filter(Boolean), ["      10 s · run 2 of 2\n", "      20 s · run 2 of 2\n"]);
});

test("a task that fails ends its signs of life", async () => {
  mock.timers.enable({ apis: ["setInterval", "Date"] });
  const write = mock.method(process.stdout, "write", () => true);
  try {
    await assert.rejects(
      during("Measuring", async () => {
        throw new Error("no");
      }),
    );
    const before = write.mock.callCount();
    mock.timers.tick(60_000);
    assert.equal(write.mock.callCount(), before);
  } finally {
    write.mock.restore();
    mock.timers.reset();
  }
});
