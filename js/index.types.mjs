// Type tests: compiled by `npm run check`, never run. A line under @ts-expect-error must not compile.
import { AuthError, Keyslot, auth, close, configure, isAuthError, preload, reconnect } from "./index.js";
import german from "./locales/de.js";

configure({ host: "https://connect.example.com", session: () => fetch("/s").then((answer) => answer.text()) });
configure({ session: "nango_connect_session_…", theme: "dark", locale: "de", timeout: 5000 });
configure({ words: german, strings: { submit: "Los" } });
configure({ theme: { mode: "system", accent: "#3a4ee0", tokens: { radius: "4px" } } });

export async function valid() {
  const connection = await auth("freshdesk", "user-42", {
    params: { subdomain: "acme" },
    signal: AbortSignal.timeout(1),
  });
  /** @type {string} */
  const id = connection.connectionId;
  /** @type {"verified" | "unverified" | "unchecked" | undefined} */
  const status = connection.verification?.status;
  await auth("freshdesk");
  await auth("freshdesk", null, { credentials: { apiKey: "k" } });
  await auth("freshdesk", undefined, { credentials: { username: "u", password: "p" } });
  await reconnect("freshdesk", undefined, { session: async () => "token" });
  await preload("freshdesk");
  await preload();
  close();
  await new Keyslot({ host: "https://x.example" }).auth("freshdesk", "user-42", { onEvent: (event) => event.flowId });
  return [id, status];
}

/** @param {unknown} error */
export function caught(error) {
  if (isAuthError(error)) {
    if (error.code === "window_closed") return error.type;
    // @ts-expect-error a code that does not exist
    if (error.code === "window_opened") return undefined;
    return error.requestId ?? error.status;
  }
  return error instanceof AuthError && error.cause;
}

export function invalid() {
  // @ts-expect-error the integration is missing
  void auth();
  // @ts-expect-error the integration is no text
  void auth(7);
  // @ts-expect-error options are the third argument
  void auth("freshdesk", { host: "https://x.example" });
  // @ts-expect-error a Basic credential has two parts
  void auth("freshdesk", "user-42", { credentials: { username: "u" } });
  // @ts-expect-error no such option
  configure({ hots: "https://x.example" });
  // @ts-expect-error no such word
  configure({ strings: { sumbit: "Go" } });
  // @ts-expect-error no such mode
  configure({ theme: "pink" });
  // @ts-expect-error no such code
  return new AuthError("nope", "message");
}
