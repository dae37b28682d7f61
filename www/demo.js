// The settings page of a made-up product. Everything about connecting is the call of `auth()` below;
// the rest is the page's own list and what it shows afterwards.
import { auth, configure, isAuthError, preload } from "/assets/index.js";

/** The product's signed-in user; one connection for each integration. */
const CONNECTION_ID = "user-42";

const INTEGRATIONS = [
  {
    id: "demo",
    name: "Demo API",
    about: "An API inside this server. Takes the API keys on this page.",
    tone: "indigo",
  },
  { id: "demo-basic", name: "Demo Basic API", about: "The same with a user name and a password.", tone: "teal" },
  { id: "openai", name: "OpenAI", about: "The real one: your key is checked with OpenAI.", tone: "graphite" },
  { id: "freshdesk", name: "Freshdesk", about: "The real one: your sub-domain and your key.", tone: "green" },
];

/** Known to the demo API of `keyslot-server --dev`. */
const KEYS = [
  { label: "Works", value: "demo_live_4cK7pQ2mX9", note: "Demo API" },
  { label: "May not read the account", value: "demo_limited_8hT3wZ5rN1", note: "Demo API" },
  { label: "The demo API is down", value: "demo_down_6vB1yL4sK0", note: "Demo API" },
  { label: "Is refused", value: "demo_live_revoked000", note: "Demo API" },
  { label: "User name", value: "ada@acme.example", note: "Demo Basic API" },
  { label: "Password", value: "correct-horse", note: "Demo Basic API" },
];

configure({ host: location.origin });

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

/** The product's own backend mints a session; here the development server plays that part. @param {string} integration */
async function session(integration) {
  const answer = await fetch("/demo/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ integration, connection_id: CONNECTION_ID }),
  });
  if (!answer.ok) throw new Error(`POST /demo/session answered ${answer.status}`);
  return (await answer.json()).token;
}

/** What the backend knows of a connection, or undefined. @param {string} integration */
async function readConnection(integration) {
  const query = new URLSearchParams({ integration, connection_id: CONNECTION_ID });
  const answer = await fetch(`/demo/connection?${query}`);
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`GET /demo/connection answered ${answer.status}`);
  return answer.json();
}

const pageError = byId("page-error", HTMLElement);
const status = byId("status", HTMLElement);

/** @param {unknown} error */
function showError(error) {
  pageError.textContent = isAuthError(error) ? `${error.code}: ${error.message}` : String(error);
  pageError.hidden = false;
}

for (const integration of INTEGRATIONS) {
  const state = make("p", { class: "state" });
  const button = /** @type {HTMLButtonElement} */ (make("button", { type: "button", class: "connect" }));
  const show = make("button", { type: "button", class: "quiet", hidden: "" }, "What the backend reads");
  const card = make(
    "li",
    { class: "integration", "data-integration": integration.id },
    make("span", { class: `mark ${integration.tone}`, "aria-hidden": "true" }, integration.name[0]),
    make("div", { class: "about" }, make("h2", {}, integration.name), make("p", {}, integration.about), state),
    make("div", { class: "actions" }, button, show),
  );
  byId("integrations", HTMLUListElement).append(card);

  /** @param {string | undefined} account */
  const setConnected = (account) => {
    card.classList.add("connected");
    state.textContent = account ? `Connected to ${account}` : "Connected";
    button.textContent = "Replace key";
    button.setAttribute("aria-label", `Replace the key of ${integration.name}`);
    show.hidden = false;
  };
  button.textContent = "Connect";
  button.setAttribute("aria-label", `Connect ${integration.name}`);

  button.addEventListener("pointerenter", () => void preload(), { once: true });
  button.addEventListener("click", async () => {
    pageError.hidden = true;
    state.textContent = "";
    try {
      const connection = await auth(integration.id, CONNECTION_ID, { session: () => session(integration.id) });
      setConnected(connection.verification?.account);
      status.textContent = `${integration.name} is connected.`;
      await showBackend(integration.id);
    } catch (error) {
      if (isAuthError(error) && error.code === "window_closed") {
        state.textContent = card.classList.contains("connected") ? "Connected, unchanged" : "Closed without connecting";
      } else showError(error);
    }
  });
  show.addEventListener("click", () => showBackend(integration.id).catch(showError));

  readConnection(integration.id).then((connection) => connection && setConnected(undefined), showError);
}

/** Shows the connection as the backend sees it, and the lines that read it. @param {string} integration */
async function showBackend(integration) {
  const connection = await readConnection(integration);
  if (!connection) throw new Error(`The server has no connection ${CONNECTION_ID} of ${integration}.`);
  const path = `/connections/${CONNECTION_ID}?provider_config_key=${integration}`;
  byId("backend-call", HTMLElement).textContent = `GET ${path}`;
  fill("panel-json", JSON.stringify(connection, null, 2));
  fill("panel-curl", `curl -H "Authorization: Bearer $KEYSLOT_SECRET_KEY" \\\n  "${location.origin}${path}"`);
  fill(
    "panel-node",
    `import { Nango } from "@nangohq/node";\n\n` +
      `const keyslot = new Nango({\n  host: "${location.origin}",\n  secretKey: process.env.KEYSLOT_SECRET_KEY,\n});\n` +
      `const { credentials } = await keyslot.getConnection("${integration}", "${CONNECTION_ID}");`,
  );
  const backend = byId("backend", HTMLElement);
  backend.hidden = false;
}

/** @param {string} panel @param {string} text */
function fill(panel, text) {
  const code = byId(panel, HTMLElement).querySelector("code");
  if (code) code.textContent = text;
}

// Tabs: arrow keys move, as the ARIA authoring practices describe.
const tabs = [...document.querySelectorAll('[role="tab"]')].filter((tab) => tab instanceof HTMLButtonElement);
for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => selectTab(index));
  tab.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
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
  const copy = make("button", { type: "button", class: "copy", "aria-label": `Copy ${key.value}` }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(key.value);
      copy.textContent = "Copied";
      status.textContent = `${key.value} is copied.`;
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    } catch {
      // No clipboard permission: the text can be selected by hand.
      getSelection()?.selectAllChildren(value);
    }
  });
  const value = make("code", {}, key.value);
  byId("keys", HTMLDListElement).append(
    make("div", {}, make("dt", {}, key.label, make("span", {}, key.note)), make("dd", {}, value, copy)),
  );
}
