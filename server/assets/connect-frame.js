// The connect page in the frame of the stock SDK's `openConnectUI()`: tells the page around it what happens, takes
// the session's token from it, and leaves list and dialog to keyslot/nango. What goes wrong can be closed: the
// frame covers the whole page, and only a message from here takes it away.

/** How long the page around may take to hand over a token, before it is told that one is missing. */
const TOKEN_MS = 10_000;

const { host = "", refused } = document.body.dataset;
const query = new URLSearchParams(location.search);
const apiURL = new URL(host || "/", location.origin).href.replace(/\/$/, "");
const problem = document.getElementById("problem");
const themes = /** @type {const} */ (["light", "dark", "system"]);

/** The page around; anybody until it has sent a token, before which there is nothing to tell. */
let target = "*";

/** @param {unknown} event */
const tell = (event) => parent.postMessage(event, target);
const close = () => tell({ type: "close" });

/** @param {string} errorType @param {string} errorMessage */
const tellError = (errorType, errorMessage) => tell({ type: "error", payload: { errorType, errorMessage } });

/** Shows what is wrong, with a way out. @param {string} errorType @param {string} errorMessage */
function fail(errorType, errorMessage) {
  const sheet = document.createElement("link");
  sheet.rel = "stylesheet";
  sheet.href = new URL("dashboard.css", import.meta.url).href;
  document.head.append(sheet);
  if (problem) problem.hidden = false;
  const button = document.getElementById("close");
  button?.addEventListener("click", close);
  addEventListener("keydown", ({ key }) => key === "Escape" && close());
  problem?.querySelector("h1")?.focus();
  tellError(errorType, errorMessage);
}

async function open() {
  /** @type {typeof import("../../js/nango.js")} */
  const { ConnectUI } = await import(new URL("../nango.js", import.meta.url).href);
  const late = setTimeout(
    () => tellError("missing_connect_session_token", "No session token has come: call setSessionToken()."),
    TOKEN_MS,
  );
  const ui = new ConnectUI({
    apiURL,
    lang: query.get("lang") ?? undefined,
    themeOverride: themes.find((theme) => theme === query.get("theme")),
    onEvent: tell,
  });
  addEventListener("message", ({ data, origin, source }) => {
    if (source !== parent || data?.type !== "session_token" || typeof data.sessionToken !== "string") return;
    clearTimeout(late);
    target = origin;
    ui.setSessionToken(data.sessionToken);
  });
  ui.open();
}

if (refused !== undefined)
  fail("unknown_error", "This site is not among the allowed_origins of the Keyslot server's environments.");
else if (parent === window) fail("missing_connect_session_token", "This page is for a frame, which gets a token.");
else open().catch(() => fail("unknown_error", "The connect dialog could not be loaded."));
