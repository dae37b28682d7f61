// Type tests of the other entries, compiled by `npm run check`, never run. A line must not compile
// under @ts-expect-error.
import Stock from "@nangohq/frontend";
import { KeyslotConnectElement } from "./element.js";
import Nango, { AuthError, ConnectUI } from "./nango.js";
import * as react from "./react.js";
import * as svelte from "./svelte.js";
import * as vue from "./vue.js";

export async function nango() {
  const nango = new Nango({ host: "https://x.example", connectSessionToken: "t" });
  /** @type {string} */
  const id = (await nango.auth("freshdesk", { credentials: { apiKey: "k" } })).connectionId;
  await nango.auth("freshdesk", "user-42", { params: { subdomain: "acme" }, detectClosedAuthWindow: true });
  await nango.auth("freshdesk");
  await nango.reconnect("freshdesk", { credentials: { username: "u", password: "p" } });
  await nango.create("freshdesk", "user-42", { params: {} });
  nango.clear();
  const ui = nango.openConnectUI({
    onEvent: (event) => (event.type === "connect" ? void event.payload.connectionId : undefined),
  });
  ui.setSessionToken("t");
  ui.open();
  ui.close();
  // @ts-expect-error a token or a key, not both
  new Nango({ connectSessionToken: "t", publicKey: "p" });
  // @ts-expect-error credentials of another auth mode
  await nango.auth("freshdesk", { credentials: { client_id: "c", client_secret: "s" } });
  return [id, ui instanceof ConnectUI, new AuthError("message", "unknown_error").type];
}

/** What is written against that package's class compiles against this one. @param {Nango} nango */
export function asTheStockPackage(nango) {
  /** @type {Pick<Stock, "create" | "reconnect" | "clear">} */
  const stock = nango;
  return stock;
}

export function components() {
  const hook = react.useKeyslot({ host: "https://x.example" });
  /** @type {"idle" | "connecting" | "connected" | "failed"} */
  const status = hook.status;
  hook.connect("freshdesk").then((connection) => connection?.connectionId);
  /** @type {string | undefined} */
  const code = vue.useKeyslot().error.value?.code;
  const stop = svelte.createKeyslotStore().subscribe((state) => state.connection?.connectionId);
  stop();
  // @ts-expect-error no such option
  react.useKeyslot({ hots: "https://x.example" });
  // @ts-expect-error the integration is missing
  void hook.connect();
  return [status, code];
}

/** @param {HTMLElement} page */
export function element(page) {
  const button = page.querySelector("keyslot-connect");
  if (button instanceof KeyslotConnectElement) button.options = { session: () => "token" };
  page.addEventListener("keyslot-connected", (event) => event.detail.connectionId);
  page.addEventListener("keyslot-error", (event) => event.detail.code);
}
