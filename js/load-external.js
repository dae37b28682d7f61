// Starts the module from keyslot_bg.wasm beside this file: smaller in all, one request more.
import { createGlue } from "keyslot:glue";

/**
 * The form that Vite, webpack and Rollup's import-meta-assets recognise and follow. Not at the top of
 * the file: where a bundler has no import.meta.url, importing must not throw.
 */
const url = () => new URL("./keyslot_bg.wasm", import.meta.url);

/** Where the module is fetched from, for messages. */
export const address = () => url().href;

/** @returns {Promise<import("./calls.js").Glue>} */
export async function load() {
  const glue = createGlue();
  await glue.init({ module_or_path: url() });
  return glue;
}
