// The dialog's custom properties and parts, live. A modal dialog makes the page behind it inert, so the
// page works on pictures: the real dialog is opened, brought into a state, and its tree copied, style sheets included.
import { auth, close, configure, isAuthError } from "/assets/index.js";
import { PARTS, TOKENS } from "./theming-names.js";

/** Known to the demo API of `keyslot-server --dev`. */
const KEYS = { works: "demo_live_4cK7pQ2mX9", refused: "demo_live_revoked000" };
const MODES = ["system", "light", "dark"];
const LOCALES = ["en", "ar", "de", "es", "fr", "he", "it", "ja", "ko", "nl", "pl", "pt-BR", "zh-CN"];

configure({ host: location.origin, keepDraft: false });

/** @template {Element} E @param {string} id @param {new () => E} type @returns {E} */
function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`#${id} is missing`);
  return element;
}

/** @param {string} tag @param {Record<string, string>} attributes @param {...(string | Node)} children */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

async function session() {
  const answer = await fetch("/demo/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ integration: "demo", connection_id: "theming" }),
  });
  if (!answer.ok) throw new Error(`POST /demo/session answered ${answer.status}`);
  return (await answer.json()).token;
}

const choices = byId("choices", HTMLFormElement);
const pictures = byId("pictures", HTMLElement);
const pageError = byId("page-error", HTMLElement);

/** The custom properties that differ from the beginning. @type {Record<string, string>} */
const tokens = {};

/** What the form above says, as options of `auth()`. @returns {import("/assets/index.js").AuthOptions & { theme: import("/assets/index.js").Theme }} */
function options() {
  const given = new FormData(choices);
  const [accent, locale] = ["accent", "locale"].map((name) => String(given.get(name)));
  const mode = /** @type {"system" | "light" | "dark"} */ (given.get("mode"));
  return { locale, theme: { mode, ...(accentIsSet && { accent }), tokens: { ...tokens } } };
}
let accentIsSet = false;

/** The open dialog's host. */
const host = () => document.querySelector("[data-keyslot]");

/**
 * Opens the dialog, unseen, and copies it each time that it reports one of the events.
 * @param {string} key what is typed, if anything
 * @param {string[]} events
 */
async function take(key, events) {
  const settings = options();
  /** @type {Element[]} */
  const taken = [];
  await new Promise((resolve) => {
    const onEvent = (/** @type {{ type: string }} */ event) => {
      // The event comes before the dialog has changed; a task later it has.
      setTimeout(() => {
        const root = host()?.shadowRoot;
        if (!root) return;
        if (events.includes(event.type)) taken.push(copy());
        if (event.type === "form_shown" && key) {
          const input = /** @type {HTMLInputElement} */ (root.querySelector("input"));
          input.value = key;
          /** @type {HTMLElement} */ (root.querySelector("[part~=submit]")).click();
        }
        if (event.type === events.at(-1)) close();
      });
    };
    auth("demo", "theming", { ...settings, session, onEvent })
      .catch(showError)
      .finally(() => setTimeout(resolve));
  });
  return taken;
}

/** A copy of the open dialog that nobody can operate. */
function copy() {
  const original = /** @type {HTMLElement} */ (host());
  const picture = /** @type {HTMLElement} */ (make("div", { "data-picture": "", inert: "" }));
  for (const name of original.style) picture.style.setProperty(name, original.style.getPropertyValue(name));
  const from = /** @type {ShadowRoot} */ (original.shadowRoot);
  const root = picture.attachShadow({ mode: "open" });
  root.append(...[...from.childNodes].map((node) => node.cloneNode(true)));
  const still = new CSSStyleSheet();
  still.replaceSync("dialog { position: relative; inset: auto; margin: 0; animation: none; max-width: 100% }");
  root.adoptedStyleSheets = [...from.adoptedStyleSheets, still];
  return picture;
}

/** @param {unknown} error */
function showError(error) {
  if (isAuthError(error) && error.code === "window_closed") return;
  pageError.textContent = isAuthError(error) ? `${error.code}: ${error.message}` : String(error);
  pageError.hidden = false;
}

let again = false;
let busy = false;
async function takePictures() {
  again = true;
  if (busy) return;
  busy = true;
  document.body.classList.add("taking");
  while (again) {
    again = false;
    pageError.hidden = true;
    const form = await take("", ["form_shown"]);
    const refused = await take(KEYS.refused, ["rejected"]);
    const success = await take(KEYS.works, ["connected"]);
    pictures.replaceChildren(...form, ...refused, ...success);
  }
  document.body.classList.remove("taking");
  busy = false;
  showTokens();
  byId("status", HTMLElement).textContent = "The pictures are up to date.";
}

/** Sets the custom properties on every picture, and writes down how to set them. */
function showTokens() {
  for (const picture of pictures.children)
    for (const { name } of TOKENS) {
      const { style } = /** @type {HTMLElement} */ (picture);
      if (tokens[name]) style.setProperty(`--keyslot-${name}`, tokens[name]);
      else style.removeProperty(`--keyslot-${name}`);
    }
  pictures.style.setProperty("--keyslot-backdrop", tokens.backdrop ?? "");
  byId("code", HTMLElement).textContent =
    `configure(${JSON.stringify({ theme: options().theme }, null, 2)});\n\n` +
    `/* or, in the page's style sheet */\n:root {\n${TOKENS.filter(({ name }) => tokens[name])
      .map(({ name }) => `  --keyslot-${name}: ${tokens[name]};\n`)
      .join("")}}`;
}

for (const mode of MODES) choices.mode.append(make("option", { value: mode }, mode));
for (const locale of LOCALES) choices.locale.append(make("option", { value: locale }, locale));

for (const { name, initial, shown = initial, about, sample } of TOKENS) {
  const label = `--keyslot-${name}`;
  const input = /** @type {HTMLInputElement} */ (
    make("input", { type: "text", name, placeholder: shown, "aria-label": label, list: `samples-${name}` })
  );
  input.addEventListener("input", () => {
    if (input.value.trim()) tokens[name] = input.value.trim();
    else delete tokens[name];
    showTokens();
  });
  byId("tokens", HTMLTableElement).tBodies[0].append(
    make(
      "tr",
      {},
      make("th", { scope: "row" }, make("code", {}, label)),
      make("td", {}, about),
      make("td", {}, input, make("datalist", { id: `samples-${name}` }, make("option", { value: sample }))),
    ),
  );
}

// The part that is pointed at gets an outline, by the page's own style sheet, as an integrator would.
const outline = new CSSStyleSheet();
document.adoptedStyleSheets.push(outline);
for (const [name, about] of Object.entries(PARTS)) {
  const button = make("button", { type: "button" }, name);
  for (const type of ["pointerenter", "focus"])
    button.addEventListener(type, () =>
      outline.replaceSync(`[data-picture]::part(${name}) { outline: 3px dashed #d0339a; outline-offset: 1px }`),
    );
  for (const type of ["pointerleave", "blur"]) button.addEventListener(type, () => outline.replaceSync(""));
  byId("parts", HTMLUListElement).append(make("li", {}, button, ` ${about.replaceAll("`", "")}`));
}

choices.accent.addEventListener("input", () => (accentIsSet = true));
choices.addEventListener("change", () => void takePictures());
choices.addEventListener("reset", () => {
  accentIsSet = false;
  for (const { name } of TOKENS) delete tokens[name];
  for (const input of document.querySelectorAll("#tokens input")) /** @type {HTMLInputElement} */ (input).value = "";
  setTimeout(() => void takePictures()); // the form has its first values only after the event
});
byId("open", HTMLButtonElement).addEventListener("click", () => {
  auth("demo", "theming", { ...options(), session }).catch(showError);
});

await takePictures();
