// The entry for those who serve keyslot_bg.wasm themselves. Same exports as the main entry.
import { createKeyslot } from "./calls.js";
import { address, load } from "./load-external.js";

export { AuthError, isAuthError } from "./auth-error.js";
export const { auth, reconnect, configure, preload, close, Keyslot } = /* @__PURE__ */ createKeyslot({ load, address });
