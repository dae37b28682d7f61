// The page around the widget in a browser test: a `fetch` that answers from a list, and hands to look
// into the open shadow root and to type. Real servers are met in e2e/.

/** Every request so far: method, url, headers, body. */
let requests = [];
let answers = {};
let aborted = 0;

/** Answers by path: `{ "/connect/session": { status, body | text, hang, fail } | [..in order] }`. */
export function serve(json) {
  answers = JSON.parse(json);
  requests = [];
  aborted = 0;
  globalThis.fetch = async (...of) => {
    const request = new Request(...of);
    const url = new URL(request.url);
    requests.push({
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      authorization: request.headers.get("authorization"),
      body: request.method === "POST" ? await request.clone().text() : "",
    });
    let answer = answers[url.pathname] ?? { status: 404, body: { error: { code: "not_found" } } };
    if (Array.isArray(answer)) answer = answer.length > 1 ? answer.shift() : answer[0];
    if (answer.after) await new Promise((resolve) => setTimeout(resolve, answer.after));
    if (answer.fail) throw answer.fail === "text" ? "not an Error" : new TypeError("Failed to fetch");
    if (answer.hang) {
      await new Promise((_, reject) => {
        const stop = () => ((aborted += 1), reject(new DOMException("aborted", "AbortError")));
        if (request.signal.aborted) stop();
        request.signal.addEventListener("abort", stop);
      });
    }
    return new Response(answer.text ?? JSON.stringify(answer.body), {
      status: answer.status ?? 200,
      headers: { "content-type": "application/json", "x-request-id": "req-1", ...answer.headers },
    });
  };
}
/** A page that awaits before it fetches, sends everything twice and keeps what it was given to look into. */
export function wrapFetch() {
  const real = globalThis.fetch;
  globalThis.__bodies = [];
  globalThis.fetch = async (url, init) => {
    await 0;
    if (init.body) globalThis.__bodies.push(init.body);
    await real(url, init);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return real(url, init);
  };
}
/** What is left in the bodies that the page was given. */
export const keptBytes = () => globalThis.__bodies.flatMap((body) => [...body]).filter((byte) => byte !== 0).length;
export const bodyCount = () => globalThis.__bodies.length;
export const requestLog = () => JSON.stringify(requests);
export const abortedCount = () => aborted;

const root = () => document.querySelector("[data-keyslot]")?.shadowRoot;
const find = (selector) => root()?.querySelector(selector) ?? null;
export const hosts = () => document.querySelectorAll("[data-keyslot]").length;
export const exists = (selector) => find(selector) !== null;
export const shown = (selector) => find(selector)?.checkVisibility?.() ?? false;
export const text = (selector) => find(selector)?.textContent ?? "";
export const value = (selector) => find(selector)?.value ?? "";
export const attribute = (selector, name) => find(selector)?.getAttribute(name) ?? "";
export const count = (selector) => root()?.querySelectorAll(selector).length ?? 0;
export const focused = (selector) => find(selector) !== null && root().activeElement === find(selector);
/** Whether all of the text in a box is selected. */
export const selected = (selector) => {
  const { value, selectionStart, selectionEnd } = find(selector);
  return value !== "" && selectionStart === 0 && selectionEnd === value.length;
};
export function type(selector, value) {
  find(selector).value = value;
  find(selector).dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText" }));
}
export function leave(selector) {
  find(selector).dispatchEvent(new Event("change", { bubbles: true }));
}
/** Returns whether the widget took the paste over; if not, the text lands as a browser would let it. */
export function paste(selector, pasted) {
  const data = new DataTransfer();
  data.setData("text/plain", pasted);
  // Firefox (153) leaves the standard `clipboardData` empty and takes these two of its own. Pastes by the
  // keyboard, in each engine, are in e2e/browsers.test.mjs.
  const firefox = { data: pasted, dataType: "text/plain" };
  const path = { bubbles: true, cancelable: true, composed: true };
  const event = new ClipboardEvent("paste", { clipboardData: data, ...firefox, ...path });
  find(selector).focus();
  find(selector).select?.();
  const untouched = find(selector).dispatchEvent(event);
  if (untouched) find(selector).value = pasted;
  return !untouched;
}
export const click = (selector) => find(selector).click();
export const submit = () => find("form").requestSubmit();
export function press(key) {
  const target = root()?.activeElement ?? document.body;
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true }));
}
export const removeHost = () => document.querySelector("[data-keyslot]").remove();
export const replaceBody = () => document.body.replaceChildren();
export const hide = () => window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
export const scrolls = () => getComputedStyle(document.documentElement).overflow !== "hidden";
export const sheets = () => document.adoptedStyleSheets.length;

let opener;
/** A button that has the focus, as the one that a person has just pressed. */
export function addOpener() {
  opener?.remove();
  opener = document.createElement("button");
  document.body.append(opener);
  opener.focus();
}
export const openerFocused = () => document.activeElement === opener;
export const removeOpener = () => opener.remove();
let fallback;
export function addFallback() {
  fallback = document.createElement("button");
  document.body.append(fallback);
  return fallback;
}
export const fallbackFocused = () => document.activeElement === fallback;
/** Keeps what the promise becomes, so that a test can look at it at any time. */
export function watch(promise) {
  const seen = { state: "pending", count: 0 };
  promise.then(
    (result) => Object.assign(seen, { state: "resolved", result }),
    (error) =>
      Object.assign(seen, {
        state: "rejected",
        error: { isError: error instanceof Error, ...error, message: error.message },
      }),
  );
  return seen;
}
export const frame = () => new Promise((resolve) => setTimeout(resolve, 20));
export const controller = () => new AbortController();
export const record = () => {
  globalThis.__events = [];
  return (event) => globalThis.__events.push(event);
};
export const recorded = () => JSON.stringify(globalThis.__events);
