// Starts the module from the bytes inside this very file (deflate, base64): no second request, and
// nothing for a bundler to configure.
import { createGlue } from "keyslot:glue";
import deflated from "keyslot:wasm";
import { inflateSync } from "fflate";

/** @returns {Promise<import("./calls.js").Glue>} */
export async function load() {
  const glue = createGlue();
  const packed = Uint8Array.from(atob(deflated), (character) => character.charCodeAt(0));
  await glue.init({ module_or_path: unpack(packed) });
  return glue;
}

/** @param {Uint8Array<ArrayBuffer>} packed */
function unpack(packed) {
  if (typeof DecompressionStream === "function") {
    try {
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
      // As a Response, so that the browser compiles while it unpacks.
      return new Response(stream, { headers: { "content-type": "application/wasm" } });
    } catch {
      // "deflate-raw" came later than the class itself: Chrome 80 against 103.
    }
  }
  return inflateSync(packed);
}
