// <keyslot-connect integration="…">: the button for pages without a build. Importing it defines the
// element, in a browser; on a server it does nothing.
import { auth, preload } from "./index.js";
import { own } from "./own.js";
import styles from "keyslot:element.css";

/** Attributes that are options of `auth()`. */
const OPTIONS = ["host", "locale", "theme"];

/* Absent where there is no page: the class must still be definable there. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

export class KeyslotConnectElement extends Base {
  static observedAttributes = ["disabled"];

  /** Options of `auth()` that no attribute can hold, such as `session` as a function. @type {any} */
  options = {};
  /** @type {HTMLButtonElement} */
  #button;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    root.adoptedStyleSheets = [sheet];
    this.#button = document.createElement("button");
    this.#button.type = "button";
    this.#button.setAttribute("part", "button");
    const label = document.createElement("slot");
    label.textContent = "Connect";
    this.#button.append(label);
    root.append(this.#button);
    this.#button.addEventListener("click", () => void this.connect());
    for (const kind of ["pointerenter", "focus"])
      this.#button.addEventListener(kind, () => void preload(), { once: true });
  }

  attributeChangedCallback() {
    this.#button.disabled = this.hasAttribute("disabled");
  }

  /**
   * What a click does. Never rejects: how it ended is said by the event `keyslot-connected`, whose
   * detail is the connection, or `keyslot-error`, whose detail is the error; closing the dialog by neither.
   * @returns {Promise<any>} the connection; undefined when there is none
   */
  async connect() {
    /** @type {any} */
    const options = {};
    for (const name of OPTIONS) if (this.hasAttribute(name)) options[name] = this.getAttribute(name);
    const sessionUrl = this.getAttribute("session-url");
    if (sessionUrl) options.session = () => mintSession(sessionUrl);
    this.setAttribute("aria-busy", "true");
    try {
      const connection = await auth(
        this.getAttribute("integration") ?? "",
        this.getAttribute("connection") ?? undefined,
        { ...options, ...this.options },
      );
      this.setAttribute("connected", "");
      this.#dispatch("keyslot-connected", connection);
      return connection;
    } catch (error) {
      const { code } = /** @type {any} */ (error);
      if (code !== "window_closed" && code !== "aborted") this.#dispatch("keyslot-error", error);
      return undefined;
    } finally {
      this.removeAttribute("aria-busy");
    }
  }

  /** @param {string} type @param {unknown} detail */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

/**
 * Asks the page's own backend for a session: a POST that answers the token as text, or as JSON with
 * `token`, or with `data.token` as the server's own answer has it.
 * @param {string} url
 * @returns {Promise<string>}
 */
async function mintSession(url) {
  const answer = await fetch(url, own({ method: "POST" }));
  if (!answer.ok) throw new Error(`POST ${url} answered ${answer.status}`);
  const text = await answer.text();
  if (!text.trimStart().startsWith("{")) return text;
  const { token, data } = own(JSON.parse(text));
  return token ?? own(data).token;
}

if (globalThis.customElements && !customElements.get("keyslot-connect"))
  customElements.define("keyslot-connect", KeyslotConnectElement);
