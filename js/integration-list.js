// The dialog that asks which integration to connect, for `openConnectUI()` with a session that allows
// several. Built as the widget's own dialog is: native <dialog>, shadow root, adopted sheet, no markup
// from text, so that the same strict Content-Security-Policy is enough.
import styles from "keyslot:integration-list.css";
import english from "keyslot:english";
import { inLanguage } from "./language.js";

/** Of the languages that there are, those written from right to left. */
const RIGHT_TO_LEFT = ["ar", "he"];

/**
 * @typedef {object} Settings
 * @property {string} [locale] BCP 47 tag; without one the page's language, as in `auth()`
 * @property {"light" | "dark" | "system"} [theme]
 * @property {(integrationId: string) => void} onChoice
 * @property {() => void} onRetry
 * @property {() => void} onClose the person closed it, or the page removed it
 */

export class IntegrationList {
  /** Whether it has listed something to choose from. */
  hasChoices = false;
  /** The options of `auth()` for the language that it speaks. @type {{ locale?: string, words?: any }} */
  language = {};
  /** Resolves when it has its words; until then it is a frame without text. @type {Promise<void> | undefined} */
  spoken;
  #settings;
  #host = document.createElement("div");
  #dialog = make("dialog", { "aria-labelledby": "title", "aria-busy": "true", part: "dialog" });
  #title = make("h2", { id: "title", tabindex: "-1", autofocus: "" });
  #close = make("button", { type: "button", part: "close" }, "×");
  #body = make("div", {});
  /** @type {Record<string, string>} */
  #words = english;
  #opener = document.activeElement;

  /** Shows it at once, waiting. @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings;
    this.#host.setAttribute("data-keyslot-list", "");
    const root = this.#host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    root.adoptedStyleSheets = [sheet];

    this.#close.addEventListener("click", settings.onClose);
    // Escape, and Android's back gesture. A dialog of `auth()` above this one takes its own.
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      settings.onClose();
    });
    // Whatever else closes a dialog, a second Escape among it.
    this.#dialog.addEventListener("close", settings.onClose);
    if (isDark(settings.theme)) this.#dialog.setAttribute("data-theme", "dark");
    this.#body.append(make("p", { role: "status" }));
    this.#dialog.append(make("header", {}, this.#title, this.#close), this.#body);
    const { locale } = settings;
    const language = inLanguage({ locale });
    if (language instanceof Promise) this.spoken = language.then((known) => this.#speak(known));
    else this.#speak(language);
    root.append(this.#dialog);
    document.body.append(this.#host);
    /** @type {HTMLDialogElement} */ (this.#dialog).showModal();
  }

  /** Whether it is on the page. */
  get isMounted() {
    return this.#host.isConnected;
  }

  /** @param {any} language */
  #speak({ locale, words }) {
    this.language = { locale, words };
    this.#words = words ?? english;
    this.#dialog.setAttribute("lang", words ? locale : "en");
    this.#dialog.setAttribute("dir", words && RIGHT_TO_LEFT.includes(locale) ? "rtl" : "ltr");
    this.#title.textContent = this.#word("title_plain");
    this.#close.setAttribute("aria-label", this.#word("close"));
    // A status that gets its text is read out; one that comes with it is not, in some browsers.
    const status = this.#body.querySelector("[role=status]");
    if (status) status.textContent = this.#word("loading");
  }

  /** @param {string} key one of LIST_WORDS in scripts/build-widget.mjs */
  #word(key) {
    return this.#words[key] ?? "";
  }

  /** @param {{ unique_key: string, display_name?: string, provider: string }[]} integrations */
  show(integrations) {
    this.hasChoices = true;
    const list = make("ul", { role: "list" });
    for (const { unique_key: id, display_name: name, provider } of integrations) {
      const button = make("button", { type: "button", part: "choice" });
      const text = name || provider;
      button.append(make("span", { "aria-hidden": "true" }, [...text][0] ?? ""), text);
      button.addEventListener("click", () => this.#settings.onChoice(id));
      list.append(make("li", {}, button));
    }
    this.#replaceBody(list);
    list.querySelector("button")?.focus();
  }

  /** @param {"network" | "expired"} cause */
  fail(cause) {
    const message = make("div", { role: "alert" });
    message.append(make("p", {}, this.#word(cause)));
    // What comes after `network` is about a key, and none has been typed.
    if (cause === "expired") message.append(make("p", {}, this.#word("expired_next")));
    this.#replaceBody(message);
    if (cause === "expired") return;
    const retry = make("button", { type: "button", part: "retry" }, this.#word("retry"));
    retry.addEventListener("click", () => {
      this.#replaceBody(make("p", { role: "status" }, this.#word("loading")));
      this.#dialog.setAttribute("aria-busy", "true");
      this.#settings.onRetry();
    });
    this.#body.append(retry);
    retry.focus();
  }

  /** Makes room for the dialog of `auth()` above it, and comes back. @param {boolean} isBehind */
  stepBehind(isBehind) {
    this.#dialog.toggleAttribute("data-behind", isBehind);
  }

  /** Takes it off the page and gives the focus back. */
  remove() {
    if (!this.isMounted) return;
    this.#dialog.removeEventListener("close", this.#settings.onClose);
    this.#host.remove();
    if (this.#opener instanceof HTMLElement) this.#opener.focus();
  }

  /** @param {Element} content */
  #replaceBody(content) {
    this.#dialog.removeAttribute("aria-busy");
    this.#body.replaceChildren(content);
  }
}

/** @param {string | undefined} theme */
function isDark(theme) {
  return theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
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
