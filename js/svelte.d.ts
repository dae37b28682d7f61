import type { AuthError, AuthOptions, Connection } from "./index.js";

export interface KeyslotState {
  status: "idle" | "connecting" | "connected" | "failed";
  /** Of the last call that connected. */
  connection: Connection | undefined;
  /** Why the last call failed. Closing the dialog is no failure. */
  error: AuthError | undefined;
}

/** A readable store. Without subscribers, the dialog that it opened is closed. */
export interface KeyslotStore {
  subscribe(run: (state: KeyslotState) => void): () => void;
  /** `auth()` that never rejects: resolves to the connection, or to undefined when there is none. */
  connect(integrationId: string, connectionId?: string | null, options?: AuthOptions): Promise<Connection | undefined>;
  /** Fetches ahead of the click what the dialog needs. */
  preload(integrationId?: string): Promise<void>;
}

/**
 * ```svelte
 * const keyslot = createKeyslotStore({ host, session: mintSession });
 * <button on:click={() => keyslot.connect("freshdesk", user.id)}>{$keyslot.status}</button>
 * ```
 *
 * @param options for every `connect()`, over what `configure()` was given
 */
export function createKeyslotStore(options?: AuthOptions): KeyslotStore;
