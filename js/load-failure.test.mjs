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
    new Error("It is answered with text/html, not WebAssembly"),
    /keyslot_bg\.wasm: .*text\/html.*single-file entry/,
  ],
  [
    "an old browser",
    new WebAssembly.CompileError("WebAssembly.instantiate(): invalid value type 'externref'"),
    /lacks .*Chrome or Edge 97, Firefox 102, Safari 16\.4/,
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

test("file: is named as the cause, whatever the browser says", () => {
  const { message } = loadFailure(new TypeError("Failed to fetch"), "file:///home/ada/keyslot_bg.wasm");
  assert.match(message, /opened from file:.*single-file entry/);
});

test("a module inside the script that does not compile is an old browser's", () => {
  assert.match(loadFailure(new WebAssembly.CompileError("type mismatch")).message, /Chrome or Edge 97/);
});

test("anything else keeps its own words", () => {
  assert.match(loadFailure(new RangeError("out of memory"), undefined).message, /RangeError: out of memory/);
  assert.match(loadFailure("odd", undefined).message, /odd/);
});
