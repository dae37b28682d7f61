import type { ComputedRef } from "vue";
import type { AuthError, AuthOptions, Connection } from "./index.js";

export interface UseKeyslot {
  status: ComputedRef<"idle" | "connecting" | "connected" | "failed">;
  /** Of the last call that connected. */
  connection: ComputedRef<Connection | undefined>;
  /** Why the last call failed. Closing the dialog is no failure. */
  error: ComputedRef<AuthError | undefined>;
  /** `auth()` that never rejects: resolves to the connection, or to undefined when there is none. */
  connect(integrationId: string, connectionId?: string | null, options?: AuthOptions): Promise<Connection | undefined>;
  /** Fetches ahead of the click what the dialog needs. */
  preload(integrationId?: string): Promise<void>;
}

/**
 * The state of connecting, for the component (or effect scope) that calls it. When that goes, the
 * dialog that it opened goes too.
 *
 * @param options for every `connect()`, over what `configure()` was given
 */
export function useKeyslot(options?: AuthOptions): UseKeyslot;
