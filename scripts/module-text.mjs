// Writes bytes as text for a JavaScript string: what js/module-text.js reads.
//
// Not base64 of the deflated module. Pages are served with Brotli, which packs the module itself better than
// deflate does and can do nothing with deflated bytes. In this text a byte stays a byte: the most frequent
// ones are one character each, themselves where they can be, the others two. Measured on a module of 138 kB:
// 57.8 kB of Brotli where base64 of deflate takes 65.0; gzip the same; nothing to inflate in the browser.
import { CHARACTERS, ESCAPES } from "../js/module-text.js";

/**
 * @param {Uint8Array} bytes
 * @returns {{ text: string, frequent: string }} the arguments of `moduleBytes`
 */
export function moduleText(bytes) {
  /** @type {number[]} */
  const count = Array(256).fill(0);
  for (const byte of bytes) count[byte] = Number(count[byte]) + 1;
  const singles = CHARACTERS.slice(ESCAPES);
  const byFrequency = [...count.keys()].sort((a, b) => Number(count[b]) - Number(count[a]) || a - b);
  const frequent = new Set(byFrequency.slice(0, singles.length));
  const gaps = [...frequent].filter((byte) => !singles.includes(byte)).sort((a, b) => a - b);
  const order = singles.map((character) => (frequent.has(character) ? character : Number(gaps.shift())));
  const others = [...count.keys()].filter((byte) => !frequent.has(byte));

  /** @type {string[]} */
  const codes = [];
  singles.forEach((character, at) => (codes[Number(order[at])] = String.fromCharCode(character)));
  others.forEach((byte, at) => {
    const pair = [Math.floor(at / CHARACTERS.length), at % CHARACTERS.length];
    codes[byte] = String.fromCharCode(...pair.map((place) => Number(CHARACTERS[place])));
  });
  return { text: Array.from(bytes, (byte) => codes[byte]).join(""), frequent: Buffer.from(order).toString("hex") };
}
