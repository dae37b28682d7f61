// Says why the WebAssembly module did not start, and what to change. Browsers word these errors
// differently, so causes are told by the kind of the error first and by its words second.
import { AuthError } from "./auth-error.js";

const TROUBLE = "Keyslot could not start: ";

/**
 * @param {unknown} error what loading threw
 * @param {string} [address] where the module is fetched from; undefined when it is inlined
 * @returns {AuthError} of code `not_supported`
 */
export function loadFailure(error, address) {
  return new AuthError("not_supported", TROUBLE + explain(error, address), { cause: error });
}

/** @param {string} message */
export function notSupported(message) {
  return new AuthError("not_supported", TROUBLE + message);
}

/** @param {string} what the browser lacks */
export function tooOld(what) {
  return `this browser lacks ${what}: Keyslot needs Chrome or Edge 97, Firefox 102, Safari 16.4, or newer.`;
}

/**
 * @param {unknown} error
 * @param {string} [address]
 */
function explain(error, address) {
  const { name = "", message = "" } = /** @type {Error} */ (error ?? {});
  // Chromium and Firefox say "CSP" or "Content Security Policy", WebKit names the missing keyword.
  if (/content security policy|\bcsp\b|unsafe-eval/i.test(message)) {
    return "the page's Content-Security-Policy blocks WebAssembly. Add 'wasm-unsafe-eval' to script-src.";
  }
  if (address?.startsWith("file:")) {
    return `the page is opened from file:, where browsers fetch nothing. Serve it over http, or use the single-file entry "keyslot".`;
  }
  // js/load-external.js names the status of an answer that is not 2xx, and the type of one that is no module.
  if (/^It is answered with/.test(message)) {
    return `${address}: ${message}. Serve keyslot_bg.wasm beside external.js, or use the single-file entry "keyslot".`;
  }
  if (name === "TimeoutError") {
    return `${address ?? "the module"} did not arrive in time. ${message}`;
  }
  if (name === "TypeError" && address) {
    return (
      `${address} could not be fetched (${message}). Check that it exists, that it is served with CORS when it is on ` +
      "another origin, and that connect-src allows it."
    );
  }
  // The bytes are right: they are inside the script, or begin as a module does.
  if (name === "CompileError") return `${tooOld("the WebAssembly that it is compiled to")} (${message})`;
  return `${name || "Error"}: ${message || String(error)}`;
}
