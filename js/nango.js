// A drop-in for `@nangohq/frontend`, for integrations that authorise by API key or Basic auth: the same
// class, methods, requests and error types, so that a migration is one changed import.
// Calls with credentials are sent as that package sends them and load no WebAssembly; calls without
// open Keyslot's dialog where that package opens a popup or a frame. Other auth modes are refused by name.
//
// Where it is better on purpose: every value of the query is encoded, an answer that is no JSON and a
// failed request reject with an `AuthError` instead of a SyntaxError or TypeError, and every call settles.
import { AuthError as KeyslotError, isAuthError } from "./auth-error.js";
import { close, keyslot } from "./keyslot-on-demand.js";
import { ConnectUI } from "./connect-ui.js";
import { fetchJson } from "./fetch-json.js";
import { own } from "./own.js";

/** The default of the package that this stands in for. */
const NANGO_CLOUD = "https://api.nango.dev";

/** The credentials that the two routes take, in the order in which that package looks for them. */
const PARTS = ["apiKey", "username", "password"];
/** What else that package sends with a user name, to a route of another auth mode. */
const OTHER_PARTS = ["organization_id", "dev_key"];
/** Types that credentials may name: the parts decide, as there. */
const TYPES = ["API_KEY", "BASIC"];

/** As Nango has it: message first, then type. `instanceof` holds for the errors of the dialog too. */
export class AuthError extends KeyslotError {
  /** @param {string} message @param {string} type @param {{ cause?: unknown }} [options] */
  constructor(message, type, options) {
    // A server may send a code that is none of ours.
    super(/** @type {any} */ (type), message, options);
  }
  /** @param {unknown} value */
  static [Symbol.hasInstance](value) {
    return isAuthError(value);
  }
}

export default class Nango {
  /** The popup, in that package. @type {null} */
  win = null;
  #host;
  /** @type {string | undefined} */
  #token;
  /** @type {string | undefined} */
  #publicKey;

  /** @param {{ host?: string, connectSessionToken?: string, publicKey?: string, debug?: boolean }} [config] */
  constructor(config = {}) {
    const { host, connectSessionToken, publicKey } = own(config);
    this.#host = baseAddress(host ?? NANGO_CLOUD);
    this.#token = connectSessionToken;
    this.#publicKey = publicKey;
  }

  /** @param {string} integrationId @param {any} [connectionIdOrOptions] @param {any} [moreOptions] */
  auth(integrationId, connectionIdOrOptions, moreOptions) {
    const [connectionId, options] = overloaded(connectionIdOrOptions, moreOptions);
    return this.#connect("auth", integrationId, connectionId, options);
  }

  /** @param {string} integrationId @param {any} [options] */
  reconnect(integrationId, options) {
    if (!this.#token)
      throw new AuthError(
        "reconnect() needs a connectSessionToken: create one with POST /connect/sessions/reconnect.",
        "missing_connect_session_token",
      );
    return this.#connect("reconnect", integrationId, undefined, own(options));
  }

  /** @param {string} integrationId @param {any} [connectionIdOrConfig] @param {any} [moreConfig] */
  create(integrationId, connectionIdOrConfig, moreConfig) {
    const [connectionId, config] = overloaded(connectionIdOrConfig, moreConfig);
    this.#ensureToken();
    return this.#post("/auth/unauthenticated", integrationId, connectionId, config);
  }

  /** Closes what is open. */
  clear() {
    close();
  }

  /** @param {import("./connect-ui.js").ConnectUIProps} props */
  openConnectUI(props) {
    // The package that this stands in for needs `apiURL` too; here the constructor's host is the default.
    const ui = new ConnectUI({ apiURL: this.#host, sessionToken: this.#token, ...props });
    ui.open();
    return ui;
  }

  /**
   * @param {"auth" | "reconnect"} method of the main entry, for a call without credentials
   * @param {string} integrationId
   * @param {string | undefined} connectionId
   * @param {any} options
   */
  #connect(method, integrationId, connectionId, options) {
    this.#ensureToken();
    const { credentials, installation, hmac, params } = options;
    if (installation || (credentials && Object.keys(credentials).length > 0))
      return this.#postCredentials(integrationId, connectionId, options);
    const access = { session: this.#token, publicKey: this.#publicKey, hmac };
    return keyslot().then((main) => main[method](integrationId, connectionId, { host: this.#host, params, ...access }));
  }

  /** @param {string} integrationId @param {string | undefined} connectionId @param {any} options */
  async #postCredentials(integrationId, connectionId, options) {
    const credentials = own(options.credentials);
    const isApiKey = "apiKey" in credentials;
    const isBasic = "username" in credentials || "password" in credentials;
    const isOther =
      options.installation ||
      ("type" in credentials && !TYPES.includes(credentials.type)) ||
      (!isApiKey && OTHER_PARTS.some((name) => name in credentials));
    if (isOther || !(isApiKey || isBasic))
      throw new AuthError(
        "This integration needs another auth mode than API key ({ apiKey }) or Basic auth ({ username, password }): " +
          `got { ${Object.keys(credentials).join(", ")} }.`,
        "invalid_auth_mode",
      );
    const body = Object.fromEntries(
      PARTS.filter((name) => name in credentials).map((name) => [name, credentials[name] || ""]),
    );
    return this.#post(`/api-auth/${isApiKey ? "api-key" : "basic"}`, integrationId, connectionId, options, body);
  }

  /**
   * @param {string} route
   * @param {string} integrationId
   * @param {string | undefined} connectionId
   * @param {any} options
   * @param {Record<string, string>} [body]
   */
  async #post(route, integrationId, connectionId, options, body) {
    /** @type {string[]} */
    const query = [];
    const add = (/** @type {string} */ name, /** @type {unknown} */ value) => {
      // The brackets of `params[name]` stay as they are, as that package sends them.
      const encoded = encodeURIComponent(name).replaceAll("%5B", "[").replaceAll("%5D", "]");
      query.push(`${encoded}=${encodeURIComponent(String(value))}`);
    };
    if (connectionId) add("connection_id", connectionId);
    if (this.#publicKey) add("public_key", this.#publicKey);
    if (this.#token) add("connect_session_token", this.#token);
    for (const [name, value] of Object.entries(options.params ?? {}))
      if (typeof value === "string") add(`params[${name}]`, value);
    if (options.hmac) add("hmac", options.hmac);
    if (options.user_scope) add("user_scope", options.user_scope.join(","));
    for (const [name, value] of Object.entries(options.authorization_params ?? {}))
      add(`authorization_params[${name}]`, value);

    const { status, json } = await fetchJson(
      `${this.#host}${route}/${encodeURIComponent(integrationId)}?${query.join("&")}`,
      {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: body && JSON.stringify(body),
      },
    );
    if (status < 400) return json;
    const { code = "unknown_error", message = "" } = own(own(json).error);
    throw Object.assign(new AuthError(message, code), { status });
  }

  #ensureToken() {
    if (!this.#token && !this.#publicKey)
      throw new AuthError("new Nango() needs a connectSessionToken.", "missing_auth_token");
  }
}

export { ConnectUI };

/**
 * `(id, options)` and `(id, connectionId, options)` are the same call.
 * @param {any} second
 * @param {any} third
 * @returns {[string | undefined, any]} the options without a prototype
 */
function overloaded(second, third) {
  return second !== null && typeof second === "object" ? [undefined, own(second)] : [second ?? undefined, own(third)];
}

/** @param {string} host absolute http(s) address; a base path is kept, slashes at its end are not */
function baseAddress(host) {
  let url;
  try {
    url = new URL(host);
  } catch {
    // Said below.
  }
  if (url?.protocol !== "https:" && url?.protocol !== "http:")
    throw new AuthError(`host must be an absolute http(s) URL, got "${host}".`, "invalid_host_url");
  return host.replace(/\/+$/, "");
}
