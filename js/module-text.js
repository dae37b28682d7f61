// Reads bytes that scripts/module-text.mjs has written as text: the alphabet they share, and the way back.

/** Printable ASCII without what a JavaScript string of some kind would have to escape. */
export const CHARACTERS = [...Array(127).keys()]
  .slice(32)
  .filter((code) => !"\"'`\\$".includes(String.fromCharCode(code)));

/** So many of them, the first ones, announce a second character. */
export const ESCAPES = 2;

/**
 * @param {string} text
 * @param {string} frequent the bytes that are one character each, in hexadecimal and in the order of the
 *   characters; the others follow in their own order
 */
export function moduleBytes(text, frequent) {
  const order = (frequent.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
  const singles = order.length;
  for (let byte = 0; byte < 256; byte++) if (order.indexOf(byte) < 0) order.push(byte);
  /** @type {number[]} */
  const places = [];
  CHARACTERS.forEach((code, at) => (places[code] = at));
  const bytes = new Uint8Array(text.length);
  let length = 0;
  // A cold start waits for this loop, which no compiler has seen yet: nothing is called in it that need not be.
  for (let at = 0; at < text.length;) {
    let place = /** @type {number} */ (places[text.charCodeAt(at++)]) - ESCAPES;
    if (place < 0) {
      const page = place + ESCAPES;
      place = singles + page * CHARACTERS.length + /** @type {number} */ (places[text.charCodeAt(at++)]);
    }
    bytes[length++] = /** @type {number} */ (order[place]);
  }
  return bytes.slice(0, length);
}
