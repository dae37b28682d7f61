import * as stock from "/stock-sdk.js";
import * as keyslot from "/assets/nango.js";
import { mintSession, task } from "./run-task.js";

// The same call, through either package, with a token of its own.
const packages = { stock, keyslot };

Object.assign(globalThis, {
  packages,
  mintSession,
  /**
   * @param {"stock" | "keyslot"} name
   * @param {Record<string, unknown>} config of the constructor; `connectSessionToken: true` mints one
   * @param {"auth" | "reconnect" | "create"} method
   * @param {unknown[]} args
   */
  async run(name, config, method, args) {
    const { default: Nango, AuthError } = packages[name];
    /** @type {any} */
    const given = { host: task.host, ...config };
    if (given.connectSessionToken === true) given.connectSessionToken = await mintSession();
    // Thrown at once, or by the promise?
    let thrown = true;
    try {
      const promise = /** @type {any} */ (new Nango(given))[method](...args);
      thrown = false;
      return { result: await promise };
    } catch (error) {
      const { type, message } = /** @type {any} */ (error);
      return {
        error: { type, hasMessage: message !== "", isAuthError: error instanceof AuthError, thrown },
      };
    }
  },
});
