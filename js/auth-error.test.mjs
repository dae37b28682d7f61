import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthError, isAuthError } from "./auth-error.js";

test("type is the same word as code", () => {
  const error = new AuthError("window_closed", "closed", { cause: 1 });
  assert.equal(error.type, "window_closed");
  assert.equal(error.code, "window_closed");
  assert.equal(error.cause, 1);
  assert.ok(error instanceof Error);
});

test("an error made elsewhere is recognised by name, with instanceof too", () => {
  const foreign = Object.assign(new Error("closed"), { name: "AuthError", code: "window_closed" });
  assert.ok(isAuthError(foreign));
  assert.ok(foreign instanceof AuthError);
});

test("what only looks like one is not", () => {
  for (const value of [
    null,
    undefined,
    "AuthError",
    {},
    { name: "AuthError" },
    new Error("x"),
    { name: "AuthError", code: 1 },
  ]) {
    assert.equal(isAuthError(value), false);
    assert.equal(value instanceof AuthError, false);
  }
});

test("a subclass recognises its own only", () => {
  class Mine extends AuthError {}
  assert.ok(new Mine("unknown_error", "x") instanceof Mine);
  assert.equal(new AuthError("unknown_error", "x") instanceof Mine, false);
});
