// The package's main entry: one file with the WebAssembly inside. Importing it does nothing, so that
// it may be imported while rendering on a server.
import { createKeyslot } from "./calls.js";
import { load } from "./load-inlined.js";

export { AuthError, isAuthError } from "./auth-error.js";
export const { auth, reconnect, configure, preload, close, Keyslot } = /* @__PURE__ */ createKeyslot({ load });
