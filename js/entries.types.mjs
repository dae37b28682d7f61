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
  // Compiles as there, and rejects with `invalid_auth_mode`.
  await nango.auth("freshdesk", { credentials: { client_id: "c", client_secret: "s" } });
  await nango.auth("freshdesk", { credentials: { type: "BASIC", username: "u", password: "p" } });
  /** @type {null} */
  const popup = nango.win;
  /** @type {import("./nango.js").ErrorHandler} */
  const failed = (type, text) => void `${type} ${text}`;
  /** @type {import("./nango.js").ConnectUIEventToken} */
  const token = { type: "session_token", sessionToken: "t" };
  return [popup, failed, token, id, ui instanceof ConnectUI, new AuthError("message", "unknown_error").type];
}

/** What is written against that package's class compiles against this one. @param {Nango} nango */
export function asTheStockPackage(nango) {
  /** @type {Pick<Stock, "auth" | "create" | "reconnect" | "clear" | "win">} */
  const stock = nango;
  return stock;
}

/**
 * What is typed with that package's names goes to this one, and the other way round.
 * @param {import("@nangohq/frontend").AuthOptions} stockOptions
 * @param {import("./nango.js").AuthOptions} options
 * @param {import("@nangohq/frontend").ConnectUIProps} stockProps
 * @param {import("./nango.js").ConnectUIProps} props
 * @param {import("@nangohq/frontend").AuthResult} stockResult
 * @param {import("./nango.js").AuthResult} result
 * @param {Nango} nango
 */
export async function typesOfTheStockPackage(nango, stockOptions, options, stockProps, props, stockResult, result) {
  await nango.auth("freshdesk", stockOptions);
  nango.openConnectUI(stockProps);
  /** @type {import("@nangohq/frontend").AuthOptions[]} */
  const ofOptions = [options];
  /** @type {import("@nangohq/frontend").ConnectUIProps[]} */
  const ofProps = [props];
  /** @type {import("@nangohq/frontend").AuthResult[]} */
  const ofResults = [result];
  /** @type {import("./nango.js").AuthResult[]} */
  const toResults = [stockResult];
  return [ofOptions, ofProps, ofResults, toResults];
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
