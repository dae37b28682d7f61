// What an integrator may style: the dialog's custom properties and parts. Both are API. js/theming.test.mjs
// holds them against src/view/widget.css, e2e/theming.spec.mjs against a real dialog, docs/theming.md is the same in prose.

/**
 * @typedef {object} Token
 * @property {string} name without `--keyslot-`; as in `theme.tokens`
 * @property {string} initial what holds when it is not set, as in src/view/widget.css
 * @property {string} [shown] the same for people, where `initial` is a name of ours
 * @property {string} about
 * @property {string} part the part that shows it
 * @property {string} property the CSS property that it sets there
 * @property {string} sample another value, to see what it does
 */
/** @type {Token[]} */
export const TOKENS = [
  {
    name: "width",
    initial: "416px",
    about: "The widest that the dialog gets; on a phone it takes the whole width.",
    part: "dialog",
    property: "width",
    sample: "360px",
  },
  {
    name: "radius",
    initial: "14px",
    about: "The corners of the dialog.",
    part: "dialog",
    property: "border-top-left-radius",
    sample: "2px",
  },
  {
    name: "radius-control",
    initial: "9px",
    about: "The corners of boxes and buttons.",
    part: "submit",
    property: "border-top-left-radius",
    sample: "20px",
  },
  {
    name: "surface",
    initial: "var(--bg)",
    shown: "#fff, dark #191b20",
    about:
      "The ground of the dialog. Keep it light in light mode and dark in dark mode: accent and errors are made for that.",
    part: "dialog",
    property: "background-color",
    sample: "rgb(253, 250, 243)",
  },
  {
    name: "field",
    initial: "var(--bg)",
    shown: "#fff, dark #191b20",
    about: "The ground of a box.",
    part: "box",
    property: "background-color",
    sample: "rgb(244, 247, 255)",
  },
  {
    name: "text",
    initial: "var(--fg)",
    shown: "#16181d, dark #eceef2",
    about: "Text, apart from what is quieter or marked.",
    part: "dialog",
    property: "color",
    sample: "rgb(20, 30, 80)",
  },
  {
    name: "backdrop",
    initial: "rgb(17 20 28 / 46%)",
    about: "What covers the page while the dialog is open.",
    part: "dialog::backdrop",
    property: "background-color",
    sample: "rgba(40, 60, 140, 0.6)",
  },
  {
    name: "font",
    initial: "system-ui, sans-serif",
    about: "The typeface. The page must have loaded it.",
    part: "dialog",
    property: "font-family",
    sample: "Georgia, serif",
  },
  {
    name: "font-code",
    initial: "ui-monospace, Menlo, Consolas, monospace",
    about: "The typeface of keys and addresses, where every character counts.",
    part: "input",
    property: "font-family",
    sample: '"Courier New", monospace',
  },
];

/**
 * `[data-keyslot]::part(name)` in the page's own style sheet.
 * @type {Record<string, string>}
 */
export const PARTS = {
  dialog: "the dialog itself; `::part(dialog)::backdrop` is what covers the page",
  panel: "its padding",
  header: "the first row",
  logo: "the first letter or the logo",
  title: "the heading",
  close: "the button in the corner",
  field: "one field, with all that belongs to it",
  label: "its label",
  optional: "the remark that it may stay empty",
  help: "the help below the label",
  box: "the frame around the input",
  affix: "what stands before or behind the value",
  input: "the input or the choice",
  code: "an input for a key or an address",
  toggle: "Show and Hide",
  fault: "why the value cannot be sent",
  note: "what the value looks like, or what was tidied up",
  inline: "a button within a sentence, such as Undo",
  where: "how to find the key",
  error: "where an error appears; always there",
  alert: "the error itself",
  cause: "what went wrong, or that it worked",
  reference: "the id for support",
  submit: "the button that connects",
  unchecked: "Save without checking",
  success: "the confirmation",
  tick: "its mark",
  done: "its button",
};

/** Parts that exist and are no promise: they may be gone in any version. */
export const INTERNAL_PARTS = ["form", "rows", "skeleton", "spoken"];
