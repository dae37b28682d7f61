// The dialog that asks which integration to connect, for `openConnectUI()` with a session that allows
// several. Built as the widget's own dialog is: native <dialog>, shadow root, adopted sheet, no markup
// from text, so that the same strict Content-Security-Policy is enough.
import styles from "keyslot:integration-list.css";
import english from "keyslot:english";

/**
 * @typedef {object} Settings
 * @property {string} [locale]
 * @property {"light" | "dark" | "system"} [theme]
 * @property {(integrationId: string) => void} onChoice
 * @property {() => void} onRetry
 * @property {() => void} onClose the person closed it, or the page removed it
 */

export class IntegrationList {
  /** Whether it has listed something to choose from. */
  hasChoices = false;
  #settings;
  #host = document.createElement("div");
  #dialog = make("dialog", { "aria-labelledby": "title", "aria-busy": "true", part: "dialog" });
  #body = make("div", {});
  #opener = document.activeElement;

  /** Shows it at once, waiting. @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings;
    this.#host.setAttribute("data-keyslot-list", "");
    const root = this.#host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    root.adoptedStyleSheets = [sheet];

    const close = make("button", { type: "button", part: "close", "aria-label": english.close }, "×");
    close.addEventListener("click", settings.onClose);
    // Escape, and Android's back gesture. A dialog of `auth()` above this one takes its own.
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      settings.onClose();
    });
    // Whatever else closes a dialog, a second Escape among it.
    this.#dialog.addEventListener("close", settings.onClose);
    if (isDark(settings.theme)) this.#dialog.setAttribute("data-theme", "dark");
    // Only the words of the vendors' names are not English; the dialog that follows speaks `locale`.
    this.#dialog.setAttribute("lang", "en");
    const title = make("h2", { id: "title", tabindex: "-1", autofocus: "" }, english.title_plain);
    this.#body.append(make("p", { role: "status" }, english.loading));
    this.#dialog.append(make("header", {}, title, close), this.#body);
    root.append(this.#dialog);
    document.body.append(this.#host);
    /** @type {HTMLDialogElement} */ (this.#dialog).showModal();
  }

  /** Whether it is on the page. */
  get isMounted() {
    return this.#host.isConnected;
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
    message.append(make("p", {}, english[cause]), make("p", {}, english[`${cause}_next`]));
    this.#replaceBody(message);
    if (cause === "expired") return;
    const retry = make("button", { type: "button", part: "retry" }, english.retry);
    retry.addEventListener("click", () => {
      this.#replaceBody(make("p", { role: "status" }, english.loading));
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
