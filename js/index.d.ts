/**
 * Keyslot: a connect dialog for APIs that authorise by API key or Basic auth. One call, one promise.
 *
 * ```ts
 * import { auth, configure } from "keyslot";
 *
 * configure({
 *   host: "https://connect.example.com",
 *   session: () => fetch("/connect-session", { method: "POST" }).then((answer) => answer.text()),
 * });
 * const { connectionId, providerConfigKey } = await auth("freshdesk", "user-42");
 * ```
 */

/** A connection was made: what your backend needs to read it. */
export interface Connection {
  /** The id of the connection: yours when you passed one, otherwise made by the server. */
  connectionId: string;
  /** The integration that it belongs to (the `integrationId` of the call). */
  providerConfigKey: string;
  /** Whether the provider accepted the credential. Absent on a stock Nango server. */
  verification?: {
    /**
     * `unverified`: the provider was asked and could not answer; `unchecked`: it offers no way to check a
     * key, and nobody was asked.
     */
    status: "verified" | "unverified" | "unchecked";
    /** The account that the credential belongs to, when the provider names it. */
    account?: string;
  };
}

/** What an API-key integration asks for. */
export interface ApiKeyCredentials {
  apiKey: string;
}

/** What a Basic-auth integration asks for. Either part may be empty where the provider wants it so. */
export interface BasicCredentials {
  username: string;
  password: string;
}

/** How the dialog looks. */
export interface Theme {
  /** @default "system" */
  mode?: "light" | "dark" | "system";
  /** A CSS colour: `#rgb`, `#rrggbb` or `rgb(…)`. Kept legible: one that is too pale or too dark is adjusted. */
  accent?: string;
  /** The dialog's custom properties, names without `--keyslot-`: `{ radius: "4px", font: "Inter, sans-serif" }`. */
  tokens?: Record<string, string>;
  /**
   * The address of your own logo, or "provider" for the provider's. Left out, the provider's first
   * letter is drawn: a page whose policy has no `img-src` for the server stays free of violations.
   */
  logo?: string;
}

/** The name of one text of the dialog. Which text it is, and which `{placeholders}` it has: `core/src/words.rs`. */
export type Word =
  | "title"
  | "title_plain"
  | "close"
  | "loading"
  | "submit"
  | "submitting"
  | "optional"
  | "choose"
  | "api_key"
  | "username"
  | "password"
  | "show"
  | "hide"
  | "show_field"
  | "hide_field"
  | "where"
  | "guide"
  | "nothing_to_fill"
  | "fault_empty"
  | "fault_host"
  | "fault_header"
  | "fault_long"
  | "fault_choice"
  | "removed"
  | "removed_blanks"
  | "removed_invisible"
  | "removed_line_breaks"
  | "removed_quotes"
  | "removed_name"
  | "removed_named"
  | "removed_other_lines"
  | "removed_json"
  | "removed_curl"
  | "removed_address"
  | "removed_encoding"
  | "removed_trailing"
  | "added"
  | "separator"
  | "undo"
  | "offer_repair"
  | "offer_repair_do"
  | "offer_split"
  | "offer_split_do"
  | "notice_wrong_kind"
  | "notice_wrong_field"
  | "notice_other_vendor"
  | "notice_test"
  | "notice_live"
  | "notice_checksum"
  | "notice_email"
  | "notice_url"
  | "notice_other_address"
  | "notice_file"
  | "notice_blank"
  | "notice_alphabet"
  | "notice_prefix"
  | "notice_masked"
  | "notice_placeholder"
  | "notice_short"
  | "notice_long"
  | "notice_pattern"
  | "notice_pattern_plain"
  | "refused"
  | "refused_next"
  | "forbidden"
  | "forbidden_next"
  | "address"
  | "address_next"
  | "unavailable"
  | "unavailable_next"
  | "invalid"
  | "invalid_next"
  | "offline"
  | "offline_next"
  | "network"
  | "network_next"
  | "timeout"
  | "server"
  | "again_next"
  | "limited"
  | "limited_next"
  | "limited_until"
  | "expired"
  | "expired_next"
  | "retry"
  | "save_unchecked"
  | "reference"
  | "copy"
  | "copied"
  | "connected"
  | "connected_account"
  | "connected_unchecked"
  | "connected_no_check"
  | "done";

/** Every text of the dialog in one language, as in the files of `keyslot/locales/`. */
export type Words = Record<Word, string>;

/** What happens in a dialog, for analytics. Never carries a value from a field. */
export interface KeyslotEvent {
  type: "open" | "form_shown" | "submitted" | "rejected" | "connected" | "closed";
  /** The same for all events of one call. */
  flowId: string;
  /** The integration of the call. */
  integrationId: string;
  /** With `rejected`: why, in one word (`refused`, `forbidden`, `address`, `unavailable`, …). */
  reason?: string;
}

/**
 * Options of a call. Those of the call win over `new Keyslot()`, which win over `configure()`. Options, and the
 * objects among them, count by their own members: what an instance has from its class (getters, methods) or
 * anything from `Object.prototype` is not read.
 */
export interface AuthOptions {
  /**
   * The address of your Keyslot (or Nango) server, such as `https://connect.example.com`.
   * Default: the page's own origin.
   */
  host?: string;
  /**
   * A connect session token, or a function that gets one from your backend. A function is called
   * again when the token has expired while the dialog was open.
   */
  session?: string | (() => string | Promise<string>);
  /**
   * Nango's public key, for servers that still take it.
   * @deprecated Use `session`.
   */
  publicKey?: string;
  /**
   * HMAC-SHA256 of `integrationId:connectionId`, hex; only with `publicKey`. Without it a Keyslot server
   * refuses a `connectionId`.
   * @deprecated Use `session`.
   */
  hmac?: string;
  /** Values for fields that build the address, such as `{ subdomain: "acme" }`. A preset field is not asked for. */
  params?: Record<string, string>;
  /** Connects without a dialog: same checks, same errors, no UI. */
  credentials?: ApiKeyCredentials | BasicCredentials;
  /**
   * BCP 47 language tag. There are ar, de, en, es, fr, he, it, ja, ko, nl, pl, pt-BR and zh-CN, each but
   * English a file that is fetched when it is needed. Default: the `lang` that holds for what was clicked,
   * then the browser's languages, then English; so too where the language, or its file, is not to be had.
   */
  locale?: string;
  /**
   * The texts of another language, for `locale`: one of yours, or one that your bundle brings along
   * (`import words from "keyslot/locales/de"`). What is missing there is English.
   */
  words?: Partial<Words>;
  /** Replaces single texts of the dialog, by name, whatever the language. */
  strings?: Partial<Words>;
  /** Light, dark, or the parts of a theme. */
  theme?: "light" | "dark" | "system" | Theme;
  /**
   * Closes the dialog and rejects with `aborted`, at once: a connection that the server is just storing may
   * exist all the same.
   */
  signal?: AbortSignal;
  /** Milliseconds that one request may take. @default 30000 */
  timeout?: number;
  /** Whether what was typed is there again when the dialog is opened anew. @default true */
  keepDraft?: boolean;
  /** Whether password managers may offer to fill and to save. @default "block" */
  passwordManagers?: "allow" | "block";
  /** Gets the focus after closing when what had it before is gone. */
  returnFocus?: HTMLElement;
  /** Told what happens; an exception that it throws changes nothing. */
  onEvent?: (event: KeyslotEvent) => void;
}

/** Why a call rejected. A code never changes its meaning; the `message` may. */
export type AuthErrorCode =
  /** The person closed the dialog, or the page removed it, and no connection was made. */
  | "window_closed"
  /** The call's `signal` fired. */
  | "aborted"
  /** Another call, with other arguments, is open. */
  | "already_open"
  /** An argument or option is not usable; the message names it. */
  | "invalid_argument"
  /** `host` is not an absolute http(s) address. */
  | "invalid_host_url"
  /** Neither `session` nor `publicKey` was given. */
  | "missing_auth_token"
  /** `reconnect()` without `session`. */
  | "missing_connect_session_token"
  /** `credentials` lacks a part. */
  | "missing_credentials"
  /** The session has expired or was never valid, and could not be renewed. */
  | "connect_session_expired"
  /** The server knows no such integration. */
  | "unknown_integration"
  /** The session does not allow this integration. */
  | "integration_not_allowed"
  /** The session may not create or replace this connection id, or the server (Nango's) takes none. */
  | "connection_id_not_allowed"
  /** The server asks for `hmac` beside `publicKey`. */
  | "missing_hmac"
  /** `hmac` does not belong to this integration and connection id. */
  | "invalid_hmac"
  /** The integration authorises by something else than an API key or Basic auth. */
  | "invalid_auth_mode"
  /** Headless only: the provider did not accept the credential. */
  | "connection_test_failed"
  /** The server refuses this connection for good. */
  | "connection_validation_failed"
  /** A limit of the server's plan is reached. */
  | "resource_capped"
  /** Headless only: the server could not be reached, or did not answer in time. */
  | "network_error"
  /** The browser or the page cannot run Keyslot; the message names the cause and the fix. */
  | "not_supported"
  /** Anything else, with `cause` where there is one. */
  | "unknown_error";

/** Why a call rejected. `instanceof` goes by name, so it holds across frames and copies of the package. */
export class AuthError extends Error {
  constructor(code: AuthErrorCode, message: string, options?: { cause?: unknown });
  readonly name: "AuthError";
  /** Branch on this. */
  readonly code: AuthErrorCode;
  /** The same word as `code`, under the name that `@nangohq/frontend` gives it. */
  readonly type: AuthErrorCode;
  /** The HTTP status of the server's answer, when there was one. */
  readonly status?: number;
  /** The server's `x-request-id`, to find the call in its log. */
  readonly requestId?: string;
  /** What went wrong underneath. */
  readonly cause?: unknown;
}

/** Whether `value` is an error that a Keyslot call rejected with. */
export function isAuthError(value: unknown): value is AuthError;

/**
 * Opens the dialog for one integration and resolves once the server has stored the connection.
 *
 * What the person can mend (a wrong key, no network) stays in the dialog; the promise rejects only
 * with an {@link AuthError}, and always settles. A dialog that is closed while the server is at work is
 * gone at once; the promise waits up to three seconds for the answer, and resolves if it is a connection. Calling again with the same ids while it is open
 * returns the same promise.
 *
 * @param integrationId the integration's `unique_key`
 * @param connectionId the id that the connection shall have: the id of the session's `end_user`, or one that
 *   the session was minted for (`connection_id`, `connection_ids`); any other rejects with
 *   `connection_id_not_allowed`. Left out, the server takes the one that the session was minted for, or makes one
 */
export function auth(integrationId: string, connectionId?: string | null, options?: AuthOptions): Promise<Connection>;

/**
 * Like {@link auth}, for a session of `POST /connect/sessions/reconnect`: replaces the credential of a
 * connection that exists, and keeps its id, metadata and tags.
 */
export function reconnect(
  integrationId: string,
  connectionId?: string | null,
  options?: AuthOptions,
): Promise<Connection>;

/** Sets defaults for all later calls. Called again, it replaces what it names and leaves the rest. */
export function configure(options: AuthOptions): void;

/**
 * Fetches ahead of the click what the dialog needs: the module, and the form when an integration is
 * named. Never rejects; what went wrong is said by the call itself.
 */
export function preload(integrationId?: string, options?: AuthOptions): Promise<void>;

/** Closes the open dialog; its promise rejects with `window_closed`. Does nothing when none is open. */
export function close(): void;

/** The same functions, bound to options of their own. */
export class Keyslot {
  constructor(options?: AuthOptions);
  auth(integrationId: string, connectionId?: string | null, options?: AuthOptions): Promise<Connection>;
  reconnect(integrationId: string, connectionId?: string | null, options?: AuthOptions): Promise<Connection>;
  preload(integrationId?: string, options?: AuthOptions): Promise<void>;
  close(): void;
}
