// Starts the module from the bytes inside this very file: no second request, and nothing for a bundler to
// configure.
import { createGlue } from "keyslot:glue";
import { frequent, text } from "keyslot:wasm";
import { moduleBytes } from "./module-text.js";

/** @returns {Promise<import("./calls.js").Glue>} */
export async function load() {
  const glue = createGlue();
  glue.start((await WebAssembly.instantiate(moduleBytes(text, frequent), glue.imports())).instance);
  return glue;
}
