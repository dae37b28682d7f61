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
  const response = await fetch(url());
  if (!response.ok) throw new Error(`It is answered with ${response.status} ${response.statusText}`.trim());
  // Compiled while it arrives; of another MIME type, that is refused (WebAssembly Web API §5).
  const streams = response.headers.get("content-type") === "application/wasm";
  const module = streams
    ? await WebAssembly.instantiateStreaming(response, glue.imports())
    : await WebAssembly.instantiate(await moduleOf(response), glue.imports());
  glue.start(module.instance);
  return glue;
}

/** @param {Response} response @returns {Promise<ArrayBuffer>} */
async function moduleOf(response) {
  const body = await response.arrayBuffer();
  // "\0asm" (WebAssembly Core §5.5.16). Servers of single-page apps answer index.html for what they do not have.
  if (new DataView(body).byteLength < 4 || new DataView(body).getUint32(0) !== 0x0061736d)
    throw new Error(`It is answered with ${response.headers.get("content-type") ?? "something"}, not WebAssembly`);
  return body;
}
