// The page behind a connect link: takes the token out of the address, opens the widget, says how it
// ended. With one API the link is used up by connecting it.

const token = new URLSearchParams(location.search).get("session_token") ?? "";
// Before anything else: not in the history, not in a screenshot, not in what a person copies.
history.replaceState(null, "", location.pathname);

const { host = "", renews, looks = "{}" } = document.body.dataset;
/** @type {Pick<import("../../js/index.js").AuthOptions, "theme" | "strings">} */
const { theme, strings } = JSON.parse(looks);
const server = new URL(host || "/", location.origin).href.replace(/\/$/, "");
const buttons = [...document.querySelectorAll("button[data-connect]")].filter(
  (one) => one instanceof HTMLButtonElement,
);
const problem = document.getElementById("problem");
const finish = document.getElementById("finish");
const doneHeading = document.querySelector("#done h1");
// The button that the dialog was opened from is gone once that was the only one.
const returnFocus = doneHeading instanceof HTMLElement ? doneHeading : undefined;
/** @type {string[]} */
const connected = [];

/** Beside this file's folder, wherever the server is mounted. @returns {Promise<typeof import("../../js/index.js")>} */
const widget = () => import(new URL("../index.js", import.meta.url).href);

/**
 * Leaves one part of the page, with the focus on its heading. The dialog puts the focus back where it
 * came from, so the others are taken out, not hidden.
 * @param {"done" | "ended"} part
 */
function show(part) {
  for (const id of ["choose", "done", "ended"]) if (id !== part) document.getElementById(id)?.remove();
  const section = document.getElementById(part);
  if (section) section.hidden = false;
  const heading = section?.querySelector("h1");
  if (heading instanceof HTMLElement) heading.focus();
}

/** Ends the session: the link opens nothing any more. */
async function end() {
  const text = document.getElementById("connected");
  if (text) text.textContent = `${connected.join(", ")} ${connected.length === 1 ? "is" : "are"} connected.`;
  show("done");
  // When it fails, the session ends by itself soon.
  await fetch(`${server}/connect/session`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token}` },
  }).catch(() => {});
}

/** @param {HTMLButtonElement} button */
async function connect(button) {
  const { connect: integration = "", name = integration } = button.dataset;
  if (problem) problem.hidden = true;
  try {
    const { auth, reconnect } = await widget();
    const open = renews === undefined ? auth : reconnect;
    const { verification } = await open(integration, undefined, {
      host: server,
      session: token,
      returnFocus,
      theme,
      strings,
    });
    connected.push(verification?.account ? `${name} (${verification.account})` : name);
    if (buttons.length === 1) return end();
    button.textContent = "Connected";
    button.setAttribute("aria-label", `${name} is connected; connect again`);
    if (finish) finish.hidden = false;
  } catch (error) {
    const { code, message } = /** @type {import("../../js/index.js").AuthError} */ (error);
    if (code === "connect_session_expired") return show("ended");
    if (problem && code !== "window_closed") {
      problem.textContent = message;
      problem.hidden = false;
    }
  }
}

for (const button of buttons) button.addEventListener("click", () => connect(button));
finish?.addEventListener("click", end);
if (buttons.length === 1) {
  buttons[0].focus();
  connect(buttons[0]);
}
