// The browsers' own words for each cause, as seen in Chromium, Firefox and WebKit.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadFailure } from "./load-failure.js";

const ADDRESS = "https://cdn.example/keyslot_bg.wasm";
const CASES = [
  [
    "Chromium, CSP",
    new WebAssembly.CompileError(
      "WebAssembly.instantiateStreaming(): Refused to compile or instantiate WebAssembly module because 'unsafe-eval' is not an allowed source of script in the following Content Security Policy directive",
    ),
    /'wasm-unsafe-eval' to script-src/,
  ],
  [
    "Firefox, CSP",
    new WebAssembly.CompileError("call to WebAssembly.instantiateStreaming() blocked by CSP"),
    /'wasm-unsafe-eval' to script-src/,
  ],
  [
    "WebKit, CSP",
    new WebAssembly.CompileError(
      "Refused to create a WebAssembly object because 'unsafe-eval' or 'wasm-unsafe-eval' is not an allowed source of script",
    ),
    /'wasm-unsafe-eval' to script-src/,
  ],
  [
    "an HTML page instead of the module",
    new WebAssembly.CompileError("WebAssembly.instantiate(): expected magic word 00 61 73 6d, found 3c 21 64 6f @+0"),
    /probably answers an HTML page/,
  ],
  ["404", new Error("It is answered with 404 Not Found"), /keyslot_bg\.wasm: .*404 Not Found.*single-file entry/],
  ["no CORS, offline or connect-src", new TypeError("Failed to fetch"), /could not be fetched .*CORS.*connect-src/],
  ["too late", Object.assign(new Error("Waited 30 s."), { name: "TimeoutError" }), /did not arrive in time/],
];

for (const [name, error, message] of CASES) {
  test(`${name}: the cause and the fix are named`, () => {
    const failure = loadFailure(error, ADDRESS);
    assert.equal(failure.code, "not_supported");
    assert.match(failure.message, /** @type {RegExp} */ (message));
    assert.equal(failure.cause, error);
  });
}

test("anything else keeps its own words", () => {
  assert.match(loadFailure(new RangeError("out of memory"), undefined).message, /RangeError: out of memory/);
  assert.match(loadFailure("odd", undefined).message, /odd/);
});
