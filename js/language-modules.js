// The languages of the entries that are modules: one literal `import()` for each, the form that every bundler
// turns into a chunk of its own, and that a strict policy takes as it takes the entry (`script-src`).
// In dist/global.js, js/language-data.js stands in its place.

/** @typedef {() => Promise<{ default: import("./index.js").Words }>} LoadWords */

/** @type {Record<string, LoadWords>} */
export const LANGUAGES = {
  ar: () => import("./locales/ar.js"),
  de: () => import("./locales/de.js"),
  es: () => import("./locales/es.js"),
  fr: () => import("./locales/fr.js"),
  he: () => import("./locales/he.js"),
  it: () => import("./locales/it.js"),
  ja: () => import("./locales/ja.js"),
  ko: () => import("./locales/ko.js"),
  nl: () => import("./locales/nl.js"),
  pl: () => import("./locales/pl.js"),
  "pt-BR": () => import("./locales/pt-BR.js"),
  "zh-CN": () => import("./locales/zh-CN.js"),
};
