/**
 * A drop-in for `@nangohq/frontend`, for integrations that authorise by API key or Basic auth: change
 * the import, keep the calls.
 *
 * ```ts
 * import Nango from "keyslot/nango";
 *
 * const nango = new Nango({ host: "https://connect.example.com", connectSessionToken });
 * await nango.auth("freshdesk", { credentials: { apiKey } }); // the same request as before
 * await nango.auth("freshdesk"); // Keyslot's dialog
 * nango.openConnectUI({ onEvent }); // Keyslot's dialog, after a list when the session allows several
 * ```
 */

import type { Connection } from "./index.js";

/** A connection was made. */
export interface AuthResult {
  providerConfigKey: string;
  connectionId: string;
  isPending?: boolean;
  /** Whether the provider accepted the credential. Absent on a stock Nango server. */
  verification?: Connection["verification"];
}
export type AuthSuccess = AuthResult;

/** What `error.type` can be. A server may send others. */
export type AuthErrorType =
  | "missing_auth_token"
  | "blocked_by_browser"
  | "invalid_host_url"
  | "missing_credentials"
  | "window_closed"
  | "connection_test_failed"
  | "missing_connect_session_token"
  | "connection_validation_failed"
  | "resource_capped"
  | "unknown_error"
  | "network_error"
  | "invalid_auth_mode"
  | (string & {});

/** Gets the type and the text of an error. */
export type ErrorHandler = (errorType: AuthErrorType, errorDesc: string) => void;

/** Why a call failed; branch on `type`. */
export class AuthError extends Error {
  constructor(message: string, type: AuthErrorType, options?: { cause?: unknown });
  readonly name: "AuthError";
  type: AuthErrorType;
  /** The same word as `type`. */
  readonly code: AuthErrorType;
  /** The HTTP status of the server's answer, when there was one. */
  readonly status?: number;
  readonly cause?: unknown;
}

export type NangoOptions = {
  /** The address of a Keyslot or Nango server. @default "https://api.nango.dev" */
  host?: string;
  /** Not used: no popup is opened. */
  websocketsPath?: string;
  /** Not used: no popup is opened. */
  width?: number;
  /** Not used: no popup is opened. */
  height?: number;
  /** Not used. */
  debug?: boolean;
} & (
  | { connectSessionToken?: string; publicKey?: never }
  | {
      connectSessionToken?: never;
      /** @deprecated Use `connectSessionToken`. */
      publicKey?: string;
    }
);

export interface ApiKeyCredentials {
  apiKey?: string;
  type?: "API_KEY";
}
export interface BasicApiCredentials {
  username?: string;
  password?: string;
  type?: "BASIC";
}

/**
 * Credentials of the auth modes that are refused with `invalid_auth_mode`; here so that code compiles which
 * hands on what may be any of them.
 */
export type OtherCredentials =
  | { type?: "JWT"; [part: string]: any }
  | { type: "TWO_STEP"; [part: string]: any }
  | { type: "SIGNATURE"; username: string; password: string }
  | { type: "AWS_SIGV4"; role_arn: string; region?: string };

export interface ConnectionConfig {
  /** Values for fields that build the address, such as `{ subdomain: "acme" }`. */
  params?: Record<string, string>;
  /** Only with `publicKey`; without it a Keyslot server refuses a connection id. */
  hmac?: string;
  user_scope?: string[];
  authorization_params?: Record<string, string | undefined>;
  /** Another auth mode: rejects with `invalid_auth_mode`. */
  installation?: "outbound";
  /** Not used: of another auth mode. */
  assertionOption?: Record<string, string>;
  /**
   * With credentials no dialog is opened; `type` may be left out, `"API_KEY"` or `"BASIC"`. Another auth mode
   * rejects with `invalid_auth_mode`.
   */
  credentials?: ApiKeyCredentials | BasicApiCredentials | OtherCredentials;
}
export type AuthOptions = ConnectionConfig & {
  /** Not used: no popup is opened. */
  detectClosedAuthWindow?: boolean;
};

/** What `setSessionToken()` says to the frame, in the package that this stands in for. */
export interface ConnectUIEventToken {
  type: "session_token";
  sessionToken: string;
}
export interface ConnectUIEventReady {
  type: "ready";
}
export interface ConnectUIEventClose {
  type: "close";
}
export interface ConnectUIEventConnect {
  type: "connect";
  payload: AuthResult;
}
export interface ConnectUIEventError {
  type: "error";
  payload: { errorType: AuthErrorType; errorMessage: string };
}
/**
 * Never sent here; the type is there so that a listener which names it still compiles. Between Nango's
 * dashboard and the preview of Connect UI in it, this is how a theme that is being edited gets into the frame.
 * There is no frame here: a theme is the option `theme` of `configure()`, or `themeOverride`.
 */
export interface ConnectUIEventSettingsChanged {
  type: "settings_changed";
  payload: unknown;
}
export type ConnectUIEvent =
  | ConnectUIEventReady
  | ConnectUIEventClose
  | ConnectUIEventConnect
  | ConnectUIEventError
  | ConnectUIEventSettingsChanged;
export type OnConnectEvent = (event: ConnectUIEvent) => void | Promise<void>;

export interface ConnectUIProps {
  /** May come later, by `setSessionToken()`. @default the `connectSessionToken` of the constructor */
  sessionToken?: string | undefined;
  /** Not used: there is no page to load. */
  baseURL?: string;
  /** @default the `host` of the constructor */
  apiURL?: string;
  onEvent?(event: ConnectUIEvent): void | Promise<void>;
  /** Not used: no popup is opened. */
  detectClosedAuthWindow?: boolean;
  /** BCP 47 language tag, for the list and the dialog. @default the page's `lang`, else the browser's language */
  lang?: string;
  themeOverride?: "light" | "dark" | "system";
}

export class ConnectUI {
  constructor(props: ConnectUIProps);
  /** Always null: nothing is framed. */
  readonly iframe: null;
  /** Opens it; does nothing when it is open. */
  open(): void;
  setSessionToken(sessionToken: string): void;
  /** Closes it; no `close` event is sent, since the caller knows. */
  close(): void;
}

export default class Nango {
  /** Always null: no popup is opened. */
  win: null;
  /** @throws {AuthError} `invalid_host_url` */
  constructor(config?: NangoOptions);

  /**
   * Connects. With `credentials` at once; without, the dialog asks for them.
   *
   * @throws {AuthError} at once, when the constructor was given neither token nor key
   */
  auth(providerConfigKey: string, options?: AuthOptions): Promise<AuthSuccess>;
  auth(providerConfigKey: string, connectionId: string, options?: AuthOptions): Promise<AuthSuccess>;

  /**
   * Replaces the credential of the connection that the reconnect session names.
   *
   * @throws {AuthError} at once, when the constructor was given no `connectSessionToken`
   */
  reconnect(providerConfigKey: string, options?: AuthOptions): Promise<AuthSuccess>;

  /** Asks the server for a connection without a credential; a Keyslot server has no such integrations. */
  create(providerConfigKey: string, connectionConfig?: ConnectionConfig): Promise<AuthSuccess>;
  create(providerConfigKey: string, connectionId: string, connectionConfig?: ConnectionConfig): Promise<AuthSuccess>;

  /** Closes the dialog that is open. */
  clear(): void;

  /** Opens the dialog for the integration of the session, or a list of them when it allows several. */
  openConnectUI(params: ConnectUIProps): ConnectUI;
}
