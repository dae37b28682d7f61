// The languages of dist/global.js: data, not scripts, each held against a hash inside the entry. A page that
// pins the entry by Subresource Integrity gets nothing that the hash in its tag does not vouch for.
// In the other entries, js/language-modules.js stands in its place.
import hashes from "keyslot:language-hashes";
import { own } from "./own.js";

/** Known while the script runs for the first time only. */
const address = /** @type {HTMLScriptElement | null | undefined} */ (globalThis.document?.currentScript)?.src;

/** @type {Record<string, import("./language-modules.js").LoadWords>} */
export const LANGUAGES = Object.fromEntries(
  Object.entries(hashes).map(([tag, integrity]) => [tag, () => words(tag, integrity)]),
);

/**
 * The browser itself compares the bytes with the hash; what is another file is no answer at all.
 * @param {string} tag
 * @param {string} integrity
 */
async function words(tag, integrity) {
  const url = new URL(`locales/${tag}.json`, address);
  const answer = await fetch(url, own({ integrity, credentials: "omit", referrerPolicy: "no-referrer" }));
  return { default: await answer.json() };
}
