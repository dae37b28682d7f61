// `openConnectUI()`: picks the integration, then hands over to the dialog of `auth()`; reports with the
// events of `@nangohq/frontend`. There is no frame: `iframe` is always null.
import { fetchJson } from "./fetch-json.js";
import { IntegrationList } from "./integration-list.js";
import { own } from "./own.js";
import { close, keyslot } from "./keyslot-on-demand.js";

/**
 * @typedef {object} ConnectUIProps
 * @property {string} [sessionToken]
 * @property {string} [apiURL]
 * @property {string} [baseURL] not used
 * @property {boolean} [detectClosedAuthWindow] not used
 * @property {(event: any) => unknown} [onEvent]
 * @property {string} [lang]
 * @property {"light" | "dark" | "system"} [themeOverride]
 */

/** Reasons of a `rejected` event that are the provider's word on the credential, and what they mean. */
const PROVIDERS_WORD = new Map([
  ["refused", "The provider did not accept the credential."],
  ["forbidden", "The provider knows the credential, but it may not do what is needed."],
  ["address", "There is no account at this address of the provider's."],
  ["unavailable", "The provider did not answer, so the credential could not be checked."],
]);
/** Of the others, those that the page may want to tell apart. */
const OTHER_REASONS = new Map([
  ["invalid", "The server did not accept one of the fields."],
  ["offline", "The browser is offline."],
  ["network", "The server could not be reached."],
  ["timeout", "The server did not answer in time."],
  ["rate_limited", "The server has refused further attempts for a while."],
  ["session_expired", "The connect session has expired."],
]);

export class ConnectUI {
  /** @type {null} */
  iframe = null;
  #props;
  /** @type {string | undefined} */
  #token;
  /** @type {(() => void) | undefined} */
  #tokenCame;
  /** Whether the dialog of `auth()` is open, or about to be. */
  #connecting = false;
  /** The list of what is open now; undefined when nothing is. @type {IntegrationList | undefined} */
  #list;

  /** @param {ConnectUIProps} props */
  constructor(props) {
    this.#props = own(props);
    this.#token = this.#props.sessionToken;
  }

  /** Opens it; does nothing when it is open. */
  open() {
    if (this.#list && (this.#connecting || this.#list.isMounted)) return;
    const list = (this.#list = new IntegrationList({
      locale: this.#props.lang,
      theme: this.#props.themeOverride,
      onChoice: (/** @type {string} */ integrationId) => void this.#connect(list, integrationId),
      onRetry: () => void this.#show(list),
      onClose: () => this.#ended(list),
    }));
    // Fetched beside the session, not after it.
    keyslot().catch(() => {});
    // Not within the call: the caller has no instance yet.
    queueMicrotask(() => {
      if (this.#list !== list) return;
      this.#emit({ type: "ready" });
      void this.#show(list);
    });
  }

  /** The session's token, when it was not known at first, or a new one. @param {string} sessionToken */
  setSessionToken(sessionToken) {
    this.#token = sessionToken;
    this.#tokenCame?.();
  }

  /** Closes it without an event, as the caller knows. */
  close() {
    const list = this.#list;
    this.#list = undefined;
    this.#connecting = false;
    if (!list) return;
    list.remove();
    close();
  }

  /** Finds out what can be connected: one integration is opened at once, several are listed. @param {IntegrationList} list */
  async #show(list) {
    try {
      const token = await this.#sessionToken();
      const session = await this.#get("/connect/session", token);
      const [only, ...more] = own(session).allowed_integrations ?? [];
      if (only && more.length === 0) return await this.#connect(list, only);
      const integrations = await this.#get("/integrations", token);
      await list.spoken;
      if (this.#list === list) list.show(integrations);
    } catch (error) {
      await list.spoken;
      if (this.#list !== list) return;
      this.#emitError(error);
      list.fail(/** @type {any} */ (error).code === "connect_session_expired" ? "expired" : "network");
    }
  }

  /** @param {string} path @param {string} token */
  async #get(path, token) {
    const { status, json } = await fetchJson(`${this.#props.apiURL ?? ""}${path}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { data, error } = own(json);
    if (status < 400 && data) return data;
    const { code = "unknown_error", message = "" } = own(error);
    throw Object.assign(new Error(message), { code: status === 401 ? "connect_session_expired" : code });
  }

  /** @returns {Promise<string>} */
  async #sessionToken() {
    while (!this.#token) await new Promise((resolve) => (this.#tokenCame = () => resolve(undefined)));
    return this.#token;
  }

  /** @param {IntegrationList} list @param {string} integrationId */
  async #connect(list, integrationId) {
    if (this.#list !== list) return;
    const isOnlyOne = !list.hasChoices;
    let connected = false;
    let closed = false;
    this.#connecting = true;
    try {
      const { auth } = await keyslot();
      await list.spoken;
      if (this.#list !== list) return;
      const made = await auth(integrationId, undefined, {
        host: this.#props.apiURL,
        session: () => this.#sessionToken(),
        ...list.language,
        theme: this.#props.themeOverride,
        onEvent: (event) => {
          if (this.#list !== list) return;
          // The dialog is there: it takes the place of the list.
          if (event.type === "open") {
            if (isOnlyOne) list.remove();
            else list.stepBehind(true);
          }
          if (event.type === "rejected") this.#emitRejected(event.reason ?? "");
          if (event.type === "closed") {
            closed = true;
            if (connected) this.#ended(list);
          }
        },
      });
      if (this.#list !== list) return;
      connected = true;
      list.remove();
      this.#emit({ type: "connect", payload: made });
      if (closed) this.#ended(list);
    } catch (error) {
      if (this.#list !== list) return;
      const dismissed = /** @type {any} */ (error).code === "window_closed";
      // Back to the list that the person came from.
      if (dismissed && !isOnlyOne) return list.stepBehind(false);
      if (!dismissed) this.#emitError(error);
      this.#ended(list);
    } finally {
      if (this.#list === list || !this.#list) this.#connecting = false;
    }
  }

  /** It is gone, and not by `close()`. @param {IntegrationList} list */
  #ended(list) {
    if (this.#list !== list) return;
    this.#list = undefined;
    list.remove();
    this.#emit({ type: "close" });
  }

  /** @param {string} reason */
  #emitRejected(reason) {
    const word = PROVIDERS_WORD.get(reason);
    const errorType = word ? "connection_test_failed" : "unknown_error";
    const errorMessage = word ?? OTHER_REASONS.get(reason) ?? "The server could not save the credential.";
    this.#emit({ type: "error", payload: { errorType, errorMessage } });
  }

  /** @param {any} error */
  #emitError(error) {
    const { code = "unknown_error", message = String(error) } = error ?? {};
    this.#emit({ type: "error", payload: { errorType: code, errorMessage: message } });
  }

  /** @param {unknown} event */
  #emit(event) {
    try {
      this.#props.onEvent?.(event);
    } catch (error) {
      // A listener that throws is the page's own affair; the flow goes on.
      reportError(error);
    }
  }
}
