// What a component knows about connecting, kept outside any framework: `useKeyslot()` of React and Vue
// and the store of Svelte are this, subscribed to.
import { auth, close, isAuthError, preload } from "./index.js";

/**
 * @typedef {object} State
 * @property {"idle" | "connecting" | "connected" | "failed"} status
 * @property {any} connection of the last call that connected
 * @property {any} error why the last call failed; closing the dialog is no failure
 */

/** Nobody changed their mind about anything: the call ended because it was asked to. */
const ENDED_ON_PURPOSE = ["window_closed", "aborted"];

/** @type {State} */
const IDLE = { status: "idle", connection: undefined, error: undefined };

export function createConnector() {
  let state = IDLE;
  /** What `connect()` passes to `auth()` below its own options. @type {any} */
  let options;
  /** The call in hand. @type {Promise<any> | undefined} */
  let current;
  let mounts = 0;
  /** @type {Set<() => void>} */
  const listeners = new Set();

  /** @param {Partial<State>} change */
  function set(change) {
    state = { ...state, ...change };
    for (const listener of [...listeners]) listener();
  }

  /**
   * @param {string} integrationId
   * @param {string | null} [connectionId]
   * @param {any} [callOptions]
   */
  async function connect(integrationId, connectionId, callOptions) {
    const before = state.status === "connecting" ? "idle" : state.status;
    const call = auth(integrationId, connectionId, { ...options, ...callOptions });
    // The same call again: the same promise, reported once.
    if (call === current) return call.catch(() => undefined);
    const isFirst = current === undefined;
    if (isFirst) {
      current = call;
      set({ status: "connecting", error: undefined });
    }
    try {
      const connection = await call;
      set({ status: "connected", connection });
      return connection;
    } catch (error) {
      if (isAuthError(error) && ENDED_ON_PURPOSE.includes(error.code)) {
        if (isFirst) set({ status: before });
      } else {
        // A second call for something else is refused while the first goes on.
        set({ status: isFirst ? "failed" : state.status, error });
      }
      return undefined;
    } finally {
      if (isFirst) current = undefined;
    }
  }

  return {
    connect,
    /** @param {string} [integrationId] */
    preload: (integrationId) => preload(integrationId, options),
    read: () => state,
    /** @param {any} next */
    configure: (next) => {
      options = next;
    },
    /** @param {() => void} listener @returns {() => void} */
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /**
     * The component is there. When it is gone, so is the dialog that it opened; not at once, since React's
     * StrictMode takes components away and puts them back.
     * @returns {() => void} the component is gone
     */
    mount: () => {
      mounts += 1;
      return () => {
        mounts -= 1;
        setTimeout(() => {
          if (mounts === 0 && current) close();
        });
      };
    },
  };
}
