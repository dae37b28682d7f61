// Vue 3. Renders on a server: nothing here touches the page before `connect()` is called.
import { computed, onScopeDispose, shallowRef } from "vue";
import { createConnector } from "./connector.js";

/** @param {any} [options] */
export function useKeyslot(options) {
  const connector = createConnector();
  connector.configure(options);
  const state = shallowRef(connector.read());
  const unsubscribe = connector.subscribe(() => {
    state.value = connector.read();
  });
  const unmount = connector.mount();
  onScopeDispose(() => {
    unsubscribe();
    unmount();
  });
  return {
    status: computed(() => state.value.status),
    connection: computed(() => state.value.connection),
    error: computed(() => state.value.error),
    connect: connector.connect,
    preload: connector.preload,
  };
}
