// What the dashboard's pages cannot do without a script: the connect dialog, copying, filtering the
// catalogue while somebody types, closing the list of environments, and asking before edits are lost.
// Everything else is plain HTML.

const { here = "", host = "", csrf = "" } = document.body.dataset;
const status = document.getElementById("status");

/** @param {string} text */
function say(text) {
  if (status) status.textContent = text;
}

// Beside this file's folder, wherever the server is mounted.
const WIDGET = new URL("../index.js", import.meta.url).href;

/** @returns {Promise<typeof import("../../js/index.js")>} */
const widget = () => import(WIDGET);

/** A session of the operator for one integration, or to replace one connection. @param {string} integration @param {string | undefined} connection */
async function session(integration, connection) {
  const body = new URLSearchParams({ csrf, integration });
  if (connection) body.set("connection", connection);
  const answer = await fetch(`${here}/session`, { method: "POST", body });
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.error.message);
  return document.token;
}

for (const button of document.querySelectorAll("button[data-auth]")) {
  if (!(button instanceof HTMLButtonElement)) continue;
  const { auth: integration = "", connection } = button.dataset;
  const problem = document.getElementById("auth-problem");
  button.addEventListener(
    "pointerenter",
    () =>
      void widget().then(
        ({ preload }) => preload(),
        () => {},
      ),
    { once: true },
  );
  button.addEventListener("click", async () => {
    if (problem) problem.hidden = true;
    // Why there was no session: the dialog can only offer to try again.
    let refusal = "";
    button.setAttribute("aria-busy", "true");
    try {
      const { auth, reconnect } = await widget();
      const options = {
        host: new URL(host || "/", location.origin).href.replace(/\/$/, ""),
        session: () =>
          session(integration, connection).catch((error) => {
            refusal = error.message;
            throw error;
          }),
      };
      const made = connection
        ? await reconnect(integration, connection, options)
        : await auth(integration, undefined, options);
      const query = new URLSearchParams({ integration, id: made.connectionId, notice: "connected" });
      location.assign(`${here}/connection?${query}`);
    } catch (error) {
      const { code, message } = /** @type {import("../../js/index.js").AuthError} */ (error);
      const text = code === "window_closed" ? refusal : message;
      if (problem && text) {
        problem.textContent = text;
        problem.hidden = false;
      }
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

// A <details> opens by itself, but stays open whatever is done elsewhere.
const switcher = document.querySelector("details.switcher");
if (switcher instanceof HTMLDetailsElement) {
  /** @param {EventTarget | null} target */
  const inside = (target) => target instanceof Node && switcher.contains(target);
  addEventListener("click", ({ target }) => {
    if (!inside(target)) switcher.open = false;
  });
  // Closing moves what is below: while something is pressed, it must stay under the pointer.
  let pressed = false;
  addEventListener("pointerdown", () => (pressed = true));
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (pressed = false));
  switcher.addEventListener("focusout", ({ relatedTarget }) => {
    // Without one, the window lost the focus, or nothing has it: no reason to close.
    if (!pressed && relatedTarget && !inside(relatedTarget)) switcher.open = false;
  });
  switcher.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !switcher.open) return;
    switcher.open = false;
    switcher.querySelector("summary")?.focus();
  });
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!(button instanceof HTMLButtonElement)) continue;
  const source = document.getElementById(button.dataset.copy ?? "");
  if (!source) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(
        source instanceof HTMLInputElement ? source.value : (source.textContent ?? ""),
      );
      button.textContent = "Copied";
      say("Copied.");
      setTimeout(() => (button.textContent = "Copy"), 1500);
    } catch {
      // No permission, or no https: selected, it can be copied by hand.
      if (source instanceof HTMLInputElement) source.select();
      else getSelection()?.selectAllChildren(source);
      say("Selected; copy it with your keyboard.");
    }
  });
}

const filter = document.querySelector('form[data-filter="catalogue"]');
if (filter instanceof HTMLFormElement) {
  const search = filter.elements.namedItem("search");
  const category = filter.elements.namedItem("category");
  const nothing = document.querySelector("[data-nothing]");
  const cards = [...document.querySelectorAll("#catalogue > li")].filter((card) => card instanceof HTMLElement);
  const apply = () => {
    if (!(search instanceof HTMLInputElement) || !(category instanceof HTMLSelectElement)) return;
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const card of cards) {
      const { name = "", words = "" } = card.dataset;
      card.hidden = !name.includes(wanted) || (category.value !== "" && !words.split(" ").includes(category.value));
      if (!card.hidden) shown += 1;
    }
    if (nothing instanceof HTMLElement) nothing.hidden = shown > 0;
    say(shown === 1 ? "1 API" : `${shown} APIs`);
  };
  // What the server has filtered already is not here to be shown again.
  if (!new URLSearchParams(location.search).get("search") && !new URLSearchParams(location.search).get("category")) {
    filter.addEventListener("input", apply);
    apply();
  } else {
    category instanceof HTMLSelectElement && category.addEventListener("change", () => filter.requestSubmit());
  }
}

// Settings that were typed and not saved: leaving the page asks first. A form whose own answer this page is was
// not saved either, or the server would have led elsewhere.
/** @param {HTMLFormElement} form */
const isEdited = (form) =>
  form.action === location.href ||
  [...form.elements].some((field) => {
    if (field instanceof HTMLSelectElement)
      return [...field.options].some((one) => one.selected !== one.defaultSelected);
    if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue;
    if (!(field instanceof HTMLInputElement)) return false;
    return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  });
/** @type {EventTarget | null} */
let sent = null;
addEventListener("submit", ({ target }) => (sent = target));
addEventListener("pageshow", () => (sent = null));
addEventListener("beforeunload", (event) => {
  for (const form of document.querySelectorAll("form:has([name=version])"))
    if (form instanceof HTMLFormElement && form !== sent && isEdited(form)) event.preventDefault();
});

// The dialog as end users will meet it, beside the form that is being filled in.
for (const form of document.querySelectorAll("form[data-dialog-form]")) {
  if (!(form instanceof HTMLFormElement)) continue;
  const aside = document.getElementById(form.dataset.dialogForm ?? "");
  const frame = aside?.querySelector("iframe");
  const says = aside?.querySelector("[data-dialog-says]");
  if (!aside || !frame || !says) continue;
  const usual = says.textContent;
  let latest = 0;
  const update = async () => {
    const turn = (latest += 1);
    const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
    try {
      const answer = await fetch(`${here}/preview`, { method: "POST", body: new URLSearchParams(fields) });
      const content = await answer.json();
      if (turn !== latest) return;
      says.textContent = content.problem ?? content.error?.message ?? usual;
      says.classList.toggle("problem", says.textContent !== usual);
      if (answer.ok && !content.problem) frame.contentWindow?.postMessage(content, location.origin);
    } catch {
      // The server cannot be reached: the last picture stays, and saving will say so.
    }
  };
  addEventListener("message", ({ data, source, origin }) => {
    if (source !== frame.contentWindow || origin !== location.origin) return;
    if (data === "ready") update();
    if (data === "shown") aside.dataset.shown = "";
  });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let pause;
  form.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(update, 300);
  });
  // Shown only now: without a script there is nothing in it. Its "ready" may have come before.
  aside.hidden = false;
  frame.src = `${here}/preview`;
}
