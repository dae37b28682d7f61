// A module written as text and read again is the same module.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { moduleText } from "../scripts/module-text.mjs";
import { moduleBytes } from "./module-text.js";

for (const [name, bytes] of /** @type {[string, Uint8Array][]} */ ([
  ["every byte", Uint8Array.from({ length: 256 }, (_, byte) => byte)],
  ["nothing", new Uint8Array()],
  ["only rare ones", new Uint8Array(1000).fill(0xff)],
  ["random bytes", randomBytes(50_000)],
])) {
  test(`${name}: what is read is what was written`, () => {
    const { text, frequent } = moduleText(bytes);
    assert.deepEqual(moduleBytes(text, frequent), new Uint8Array(bytes));
    assert.match(text, /^[ -~]*$/);
    assert.doesNotMatch(text, /["'`\\$]/);
  });
}
