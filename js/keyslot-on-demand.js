// The main entry, fetched when a dialog is first wanted: `keyslot/nango` without dialogs is a few kilobytes.
import { AuthError } from "./auth-error.js";

/** @type {typeof import("./index.js") | undefined} */
let loaded;

/** @returns {Promise<typeof import("./index.js")>} a failed import is tried again by the next call */
export async function keyslot() {
  try {
    return (loaded ??= await import("./index.js"));
  } catch (cause) {
    const message = "Keyslot could not start: its main script could not be fetched. The next call tries again.";
    throw new AuthError("not_supported", message, { cause });
  }
}

/** Closes the dialog that is open, if there ever was one. */
export function close() {
  loaded?.close();
}
