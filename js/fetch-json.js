// A request of the hand-written entries that reads JSON, and says what went wrong as an `AuthError`.
// The dialog's own requests are made inside the WebAssembly module.
import { AuthError } from "./auth-error.js";
import { own } from "./own.js";

/** The vendor is asked while the request waits; the server itself gives up after half of this. */
const TIMEOUT_MS = 60_000;

/**
 * @param {string} url
 * @param {RequestInit} init
 * @returns {Promise<{ status: number, json: any }>} `json` is an object, also of an error answer
 * @throws {AuthError} `network_error`: no answer; `unknown_error`: an answer that is no JSON object
 */
export async function fetchJson(url, init) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  let response;
  let text;
  try {
    /** @type {RequestInit} */
    const quiet = { cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" };
    response = await fetch(url, own({ ...quiet, ...init, signal: abort.signal }));
    text = await response.text();
  } catch (error) {
    // Neither the address nor the browser's own words: the address holds the session token.
    const message = abort.signal.aborted
      ? "The server did not answer in time."
      : "The server could not be reached: offline, a wrong host, or blocked by CORS or by connect-src.";
    throw new AuthError("network_error", message, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  try {
    const json = JSON.parse(text);
    if (typeof json === "object" && json !== null) return { status: response.status, json };
  } catch {
    // Said below.
  }
  throw Object.assign(
    new AuthError("unknown_error", `The server answered ${response.status} with something that is no JSON.`),
    { status: response.status },
  );
}
