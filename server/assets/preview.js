// The dialog in a frame of the dashboard: shows what the page around it says, and sends nothing anywhere.

/** @type {typeof import("../../js/index.js")} */
const { auth, close } = await import(new URL("../index.js", import.meta.url).href);

/** What a server would answer to the widget's one request. @type {unknown} */
let session;
globalThis.fetch = async () => Response.json(session);

// Whoever fills in the form beside the frame keeps the focus: the frame being inert does not prevent that
// its scripts take it, a modal dialog does so by itself, and `autofocus` works across frames of one origin.
HTMLElement.prototype.focus = () => {};
const { setAttribute } = Element.prototype;
Element.prototype.setAttribute = function (name, value) {
  if (name !== "autofocus") setAttribute.call(this, name, value);
};
HTMLDialogElement.prototype.showModal = function () {
  this.open = true;
};

/** The end of the dialog that is open. @type {Promise<unknown>} */
let open = Promise.resolve();

addEventListener("message", async ({ data, origin, source }) => {
  if (origin !== location.origin || source !== parent) return;
  close();
  await open;
  session = data.session;
  const { integration, theme, strings } = data;
  open = auth(integration, undefined, {
    host: location.origin,
    session: "preview",
    keepDraft: false,
    locale: "en",
    theme,
    strings,
    onEvent: ({ type }) => {
      // The event comes before the dialog has changed; a task later it has.
      if (type === "form_shown") setTimeout(() => parent.postMessage("shown", location.origin));
    },
  }).catch(() => {});
});
parent.postMessage("ready", location.origin);
