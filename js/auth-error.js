// Why `auth()` rejects. Most of these errors are made inside the WebAssembly module; this class makes
// those that arise before it runs, and recognises both.

/**
 * Whether `value` is an error of Keyslot: by its name, since `instanceof` fails across frames and
 * across two copies of the package.
 * @param {unknown} value
 * @returns {boolean}
 */
export function isAuthError(value) {
  const { name, code } = /** @type {any} */ (value ?? {});
  return name === "AuthError" && typeof code === "string";
}

/** An error with a stable `code`. `type` is the same word, under the name that Nango gives it. */
export class AuthError extends Error {
  /**
   * @param {string} code
   * @param {string} message for the developer, never shown to the person with the key
   * @param {{ cause?: unknown }} [options]
   */
  constructor(code, message, options) {
    super(message);
    this.name = "AuthError";
    this.code = code;
    this.type = code;
    // Not `super(message, options)`: browsers from before 2021 ignore it there.
    if (options && "cause" in options) this.cause = options.cause;
  }

  /** @param {unknown} value */
  static [Symbol.hasInstance](value) {
    if (this !== AuthError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isAuthError(value);
  }
}
