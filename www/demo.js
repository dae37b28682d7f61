// The settings page of a made-up product. Everything about connecting is the call of `auth()` below;
// the rest is the page's own list, its languages and themes, and what it shows afterwards.
import { TEXTS } from "./texts.js";

/** Beside this page's folder, wherever the server is mounted. @type {typeof import("../js/index.js")} */
const { auth, configure, isAuthError, preload } = await import(new URL("../assets/index.js", import.meta.url).href);

/** Where the server is: the folder that this page's folder is in. */
const HOST = new URL("..", import.meta.url).href.replace(/\/$/, "");
/** The product's signed-in user; one connection for each integration. */
const CONNECTION_ID = "user-42";

/** @typedef {keyof typeof TEXTS} Language */
/** @typedef {{ [Key in keyof typeof TEXTS.en]: (typeof TEXTS.en)[Key] extends string ? Key : never }[keyof typeof TEXTS.en]} PlainText */

/** @type {{ id: string, name: string, about: PlainText, tone: string }[]} */
const INTEGRATIONS = [
  { id: "demo", name: "Demo API", about: "aboutDemo", tone: "indigo" },
  { id: "demo-basic", name: "Demo Basic API", about: "aboutDemoBasic", tone: "teal" },
  { id: "openai", name: "OpenAI", about: "aboutReal", tone: "graphite" },
  { id: "freshdesk", name: "Freshdesk", about: "aboutFreshdesk", tone: "green" },
  { id: "stripe", name: "Stripe", about: "aboutReal", tone: "violet" },
  { id: "datadog", name: "Datadog", about: "aboutDatadog", tone: "plum" },
];

/** Known to the demo API of `keyslot-server --dev`. @type {{ label: PlainText, value: string, note: string }[]} */
const KEYS = [
  { label: "works", value: "demo_live_4cK7pQ2mX9", note: "Demo API" },
  { label: "limited", value: "demo_limited_8hT3wZ5rN1", note: "Demo API" },
  { label: "down", value: "demo_down_6vB1yL4sK0", note: "Demo API" },
  { label: "refused", value: "demo_live_revoked000", note: "Demo API" },
  { label: "username", value: "ada@acme.example", note: "Demo Basic API" },
  { label: "password", value: "correct-horse", note: "Demo Basic API" },
];

/** @template {Element} E @param {string} id @param {new () => E} type @returns {E} */
function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`#${id} is missing`);
  return element;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...(string | Node)} children
 */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const pageError = byId("page-error", HTMLElement);
const status = byId("status", HTMLElement);
const languageChoice = byId("language", HTMLSelectElement);
const themeChoice = byId("theme", HTMLSelectElement);

/** What the person chose last time; private windows forget it. @param {string} name */
function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
/** @param {string} name @param {string} value */
function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Then it is asked again next time.
  }
}

/** @type {Language} */
let language = remembered("language") === "ar" ? "ar" : "en";
/** Called when the language has changed. @type {(() => void)[]} */
const speak = [];
const text = () => TEXTS[language];

/** Shows a text in an element, in whatever language is chosen. @param {Element} element @param {() => string} words */
function say(element, words) {
  const write = () => (element.textContent = words());
  speak.push(write);
  write();
}

function applyTheme() {
  document.documentElement.dataset.theme = themeChoice.value;
  configure({ host: HOST, theme: /** @type {"light" | "dark" | "system"} */ (themeChoice.value) });
}
themeChoice.value = remembered("theme") ?? "system";
if (themeChoice.selectedIndex < 0) themeChoice.value = "system";
themeChoice.addEventListener("change", () => {
  remember("theme", themeChoice.value);
  applyTheme();
});
applyTheme();

function applyLanguage() {
  document.documentElement.lang = language;
  document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
  document.title = text().title;
  byId("sections", HTMLElement).setAttribute("aria-label", text().settings);
  byId("integrations", HTMLElement).setAttribute("aria-label", text().available);
  byId("tabs", HTMLElement).setAttribute("aria-label", text().threeWays);
  for (const write of speak) write();
}
languageChoice.value = language;
languageChoice.addEventListener("change", () => {
  language = languageChoice.value === "ar" ? "ar" : "en";
  remember("language", language);
  applyLanguage();
});
for (const element of document.querySelectorAll("[data-text]")) {
  const name = /** @type {PlainText} */ (element.getAttribute("data-text"));
  say(element, () => text()[name]);
}

/** Events which say that a click is likely. */
const SIGNS = ["pointerenter", "focus"];

/** The product's own backend mints a session; here the development server plays that part. @param {string} integration */
async function session(integration) {
  const answer = await fetch("session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ integration, connection_id: CONNECTION_ID }),
  });
  if (!answer.ok) throw new Error(`POST /demo/session answered ${answer.status}`);
  return (await answer.json()).token;
}

/**
 * What the product's backend answers, from its own server.
 * @param {string} path @param {Record<string, string>} [query]
 */
async function asked(path, query) {
  const answer = await fetch(`${path}?${new URLSearchParams({ ...query, connection_id: CONNECTION_ID })}`);
  if (!answer.ok) throw new Error(`GET /demo/${path} answered ${answer.status}`);
  return answer.json();
}

/** The integrations that are connected. @type {Promise<Set<string>>} */
const connectedAtFirst = asked("connections").then(
  ({ connections }) =>
    new Set(connections.map((/** @type {{ provider_config_key: string }} */ one) => one.provider_config_key)),
);

/** @param {unknown} error */
function showError(error) {
  pageError.textContent = isAuthError(error) ? `${error.code}: ${error.message}` : String(error);
  pageError.hidden = false;
}

for (const integration of INTEGRATIONS) {
  const state = make("p", { class: "state" });
  const about = make("p", {});
  const button = /** @type {HTMLButtonElement} */ (make("button", { type: "button", class: "connect" }));
  const show = make("button", { type: "button", class: "quiet", hidden: "" });
  const card = make(
    "li",
    { class: "integration", "data-integration": integration.id },
    make("span", { class: `mark ${integration.tone}`, "aria-hidden": "true" }, integration.name[0]),
    make("div", { class: "about" }, make("h2", {}, make("bdi", {}, integration.name)), about, state),
    make("div", { class: "actions" }, button, show),
  );
  byId("integrations", HTMLUListElement).append(card);

  let connected = false;
  let stateText = () => "";
  say(about, () => text()[integration.about]);
  say(show, () => text().show);
  say(state, () => stateText());
  say(button, () => {
    const { name } = integration;
    button.setAttribute("aria-label", connected ? text().replaceNamed(name) : text().connectNamed(name));
    return connected ? text().replace : text().connect;
  });
  /** @param {() => string} words */
  const setState = (words) => {
    stateText = words;
    card.classList.toggle("connected", connected);
    show.hidden = !connected;
    applyLanguage();
  };
  /** @param {string | undefined} account */
  const setConnected = (account) => {
    connected = true;
    setState(() => (account ? text().connectedTo(account) : text().connected));
  };

  // The same function for both: a form that came ahead is used by a call for the same session.
  const mint = () => session(integration.id);
  const aheadOfClick = () => {
    for (const sign of SIGNS) button.removeEventListener(sign, aheadOfClick);
    void preload(integration.id, { session: mint });
  };
  for (const sign of SIGNS) button.addEventListener(sign, aheadOfClick);
  button.addEventListener("click", async () => {
    pageError.hidden = true;
    try {
      const connection = await auth(integration.id, CONNECTION_ID, { session: mint });
      setConnected(connection.verification?.account);
      status.textContent = text().isConnected(integration.name);
      await showBackend(integration.id);
    } catch (error) {
      if (isAuthError(error) && error.code === "window_closed") {
        setState(() => (connected ? text().unchanged : text().closed));
      } else showError(error);
    }
  });
  show.addEventListener("click", () => showBackend(integration.id).catch(showError));

  connectedAtFirst.then((ids) => ids.has(integration.id) && setConnected(undefined), showError);
}

/** Shows the connection as the backend sees it, and the lines that read it. @param {string} integration */
async function showBackend(integration) {
  const connection = await asked("connection", { integration });
  const path = `/connections/${CONNECTION_ID}?provider_config_key=${integration}`;
  byId("backend-call", HTMLElement).textContent = `GET ${path}`;
  fill("panel-json", JSON.stringify(connection, null, 2));
  fill("panel-curl", `curl -H "Authorization: Bearer $KEYSLOT_SECRET_KEY" \\\n  "${HOST}${path}"`);
  fill(
    "panel-node",
    `import { Nango } from "@nangohq/node";\n\n` +
      `const keyslot = new Nango({\n  host: "${HOST}",\n  secretKey: process.env.KEYSLOT_SECRET_KEY,\n});\n` +
      `const { credentials } = await keyslot.getConnection("${integration}", "${CONNECTION_ID}");`,
  );
  byId("backend", HTMLElement).hidden = false;
}

/** @param {string} panel @param {string} content */
function fill(panel, content) {
  const code = byId(panel, HTMLElement).querySelector("code");
  if (code) code.textContent = content;
}

// Tabs: arrow keys move, as the ARIA authoring practices describe.
const tabs = [...document.querySelectorAll('[role="tab"]')].filter((tab) => tab instanceof HTMLButtonElement);
for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => selectTab(index));
  tab.addEventListener("keydown", (event) => {
    const onward = document.documentElement.dir === "rtl" ? -1 : 1;
    const step = event.key === "ArrowRight" ? onward : event.key === "ArrowLeft" ? -onward : 0;
    if (step === 0) return;
    event.preventDefault();
    selectTab((index + step + tabs.length) % tabs.length);
    tabs[(index + step + tabs.length) % tabs.length].focus();
  });
}

/** @param {number} selected */
function selectTab(selected) {
  for (const [index, tab] of tabs.entries()) {
    tab.setAttribute("aria-selected", String(index === selected));
    tab.tabIndex = index === selected ? 0 : -1;
    byId(tab.getAttribute("aria-controls") ?? "", HTMLElement).hidden = index !== selected;
  }
}

for (const key of KEYS) {
  const label = make("span", { class: "label" });
  const copy = make("button", { type: "button", class: "copy" });
  const value = make("code", { dir: "ltr" }, key.value);
  let copied = false;
  say(label, () => text()[key.label]);
  say(copy, () => {
    copy.setAttribute("aria-label", text().copyNamed(key.value));
    return copied ? text().copied : text().copy;
  });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(key.value);
      status.textContent = text().isCopied(key.value);
      copied = true;
      applyLanguage();
      setTimeout(() => {
        copied = false;
        applyLanguage();
      }, 1500);
    } catch {
      // No clipboard permission: the text can be selected by hand.
      getSelection()?.selectAllChildren(value);
    }
  });
  byId("keys", HTMLDListElement).append(
    make(
      "div",
      {},
      make("dt", {}, label, make("span", { class: "note", dir: "ltr" }, key.note)),
      make("dd", {}, value, copy),
    ),
  );
}

applyLanguage();
