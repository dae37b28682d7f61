// React 18 and 19. Renders on a server: nothing here touches the page before `connect()` is called.
import { useEffect, useState, useSyncExternalStore } from "react";
import { createConnector } from "./connector.js";

/** @param {any} [options] */
export function useKeyslot(options) {
  const [connector] = useState(createConnector);
  useEffect(() => connector.configure(options));
  useEffect(connector.mount, [connector]);
  const state = useSyncExternalStore(connector.subscribe, connector.read, connector.read);
  return { ...state, connect: connector.connect, preload: connector.preload };
}
