import type { AuthError, AuthOptions, Connection } from "./index.js";

export interface KeyslotState {
  status: "idle" | "connecting" | "connected" | "failed";
  /** Of the last call that connected. */
  connection: Connection | undefined;
  /** Why the last call failed. Closing the dialog is no failure. */
  error: AuthError | undefined;
}

export interface UseKeyslot extends KeyslotState {
  /**
   * {@link auth} that never rejects, so that it can be an event handler as it is: how it ended is in
   * `status` and `error`. Resolves to the connection, or to undefined when there is none.
   */
  connect(integrationId: string, connectionId?: string | null, options?: AuthOptions): Promise<Connection | undefined>;
  /** Fetches ahead of the click what the dialog needs. */
  preload(integrationId?: string): Promise<void>;
}

/**
 * The state of connecting, for a component.
 *
 * ```jsx
 * const { connect, status, error } = useKeyslot({ host, session: mintSession });
 * <button onClick={() => connect("freshdesk", user.id)} disabled={status === "connecting"}>Connect</button>;
 * ```
 *
 * When the component goes, the dialog that it opened goes too.
 *
 * @param options for every `connect()`, over what `configure()` was given
 */
export function useKeyslot(options?: AuthOptions): UseKeyslot;
