import type { AuthError, AuthOptions, Connection } from "./index.js";

/**
 * `<keyslot-connect integration="…">`: a button that connects when it is pressed. Importing this module
 * defines it; on a server it does nothing.
 *
 * Attributes: `integration`, `connection`, `host`, `session-url` (a POST there answers a session token,
 * as text or as JSON with `token`), `locale`, `theme`, `disabled`. `connected` is set after a success.
 * Events: `keyslot-connected` (detail: the connection), `keyslot-error` (detail: the error).
 * Parts: `button`. Custom properties: `--keyslot-accent`, `--keyslot-on-accent`, `--keyslot-radius-control`.
 */
export class KeyslotConnectElement extends HTMLElement {
  /** What no attribute can hold, such as `session` as a function; wins over the attributes. */
  options: AuthOptions;
  /** What a click does. Never rejects: undefined when there is no connection. */
  connect(): Promise<Connection | undefined>;
}

declare global {
  interface HTMLElementTagNameMap {
    "keyslot-connect": KeyslotConnectElement;
  }
  interface GlobalEventHandlersEventMap {
    "keyslot-connected": CustomEvent<Connection>;
    "keyslot-error": CustomEvent<AuthError>;
  }
}
