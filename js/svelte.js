// Svelte 4 and 5: a readable store by the store contract, which needs nothing of Svelte itself.
// https://svelte.dev/docs/svelte/stores#Store-contract
import { createConnector } from "./connector.js";

/** @param {any} [options] */
export function createKeyslotStore(options) {
  const connector = createConnector();
  connector.configure(options);
  return {
    connect: connector.connect,
    preload: connector.preload,
    /** @param {(state: import("./connector.js").State) => void} run */
    subscribe(run) {
      const unsubscribe = connector.subscribe(() => run(connector.read()));
      const unmount = connector.mount();
      run(connector.read());
      return () => {
        unsubscribe();
        unmount();
      };
    },
  };
}
