// Which language a call gets, and that every language is whole.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { englishWords, faults, languages, wordsOf } from "../scripts/languages.mjs";
import { inLanguage } from "./language.js";

/**
 * A page, as far as the choice of a language looks at it.
 * @param {string | undefined} lang
 * @param {string[]} preferred
 */
function page(lang, preferred) {
  const document = { activeElement: { closest: () => (lang === undefined ? null : { getAttribute: () => lang }) } };
  const navigator = { languages: preferred };
  for (const [name, value] of Object.entries({ document, navigator }))
    Object.defineProperty(globalThis, name, { value, configurable: true });
}
afterEach(() => {
  Reflect.deleteProperty(globalThis, "document");
  Reflect.deleteProperty(globalThis, "navigator");
});

/** @param {unknown} options @returns {Promise<any>} */
const spoken = async (options) => inLanguage(options);

/** @type {[string, string | undefined, string | undefined, string[], string][]} */
const CHOICES = [
  ["the option wins", "fr", "de", ["it"], "fr"],
  ["without an option, the page's language", undefined, "de", ["it"], "de"],
  ["without a page language, the first of the browser's that there is", undefined, undefined, ["sv", "it", "de"], "it"],
  ["a page in English is no reason to look further", undefined, "en-GB", ["de"], "en"],
  ["a page in a language that there is not: the browser's", undefined, "sv", ["pl"], "pl"],
  ["nothing that there is: English", "sv", "da", ["fi"], "en"],
  ["an empty lang says nothing", undefined, "", ["ko"], "ko"],
  ["a region makes no difference", "de-AT", undefined, [], "de"],
  ["Portuguese is that of Brazil", "pt", undefined, [], "pt-BR"],
  ["Chinese is told by its script", "zh-Hans-SG", undefined, [], "zh-CN"],
  ["Traditional Chinese is not Simplified", "zh-TW", undefined, ["ja"], "ja"],
  ["Simplified Chinese is, wherever it is read", "zh-Hans-HK", undefined, ["ja"], "zh-CN"],
  ["Chinese without more is Simplified", "zh", undefined, ["ja"], "zh-CN"],
  ["an old tag and an underscore are understood", "iw_IL", undefined, [], "he"],
  ["what is no tag is passed over", "not a tag!", undefined, ["nl"], "nl"],
];
for (const [name, option, lang, preferred, expected] of CHOICES) {
  test(`${name}: ${expected}`, async () => {
    page(lang, preferred);
    const options = await spoken({ host: "https://x.example", locale: option });
    const words = expected === "en" ? undefined : await wordsOf(expected);
    assert.deepEqual(options, { host: "https://x.example", locale: expected, ...(words && { words }) });
  });
}

test("a language that was read once needs no waiting", async () => {
  page(undefined, []);
  await spoken({ locale: "es" });
  assert.ok(!(inLanguage({ locale: "es" }) instanceof Promise));
  assert.ok(!(inLanguage({ locale: "en" }) instanceof Promise));
});

test("words of the caller's own, headless calls and what is no option stay as they are", () => {
  for (const options of [
    { locale: "sv", words: { submit: "Anslut" } },
    { locale: "de", credentials: { apiKey: "k" } },
    { locale: 7 },
    "oops",
    7,
  ])
    assert.equal(inLanguage(options), options);
});

for (const tag of languages()) {
  test(`${tag} has every word of English and no other, with the same placeholders`, async () => {
    assert.deepEqual(faults(englishWords(), await wordsOf(tag)), []);
  });

  test(`${tag} can be chosen`, async () => {
    page(undefined, []);
    assert.equal((await spoken({ locale: tag })).locale, tag);
  });
}

for (const tag of languages()) {
  test(`${tag} is set as its readers set it`, async () => {
    for (const [key, text] of Object.entries(await wordsOf(tag))) {
      if (key === "separator") continue;
      assert.doesNotMatch(text, /["'`]|\.\.\.|^\s|\s$| {2}/, `${key}: typewriter's quotes, dots or blanks`);
      // A key, an address or a Latin name may stand in each place: without isolates (UAX #9), its punctuation
      // moves to the other end of it.
      if (tag === "ar" || tag === "he")
        assert.equal(text.replace(/\u2068\{\w+\}\u2069/g, "").search(/[{}]/), -1, `${key}: no isolates`);
      // No line begins with a French colon or ends with an opening guillemet.
      if (tag === "fr") assert.doesNotMatch(text, / [:;!?»]|« /, `${key}: a blank that breaks`);
    }
  });
}

const KEY = {
  en: "key",
  ...{ ar: "مفتاح", de: "schlüssel", es: "clave", fr: "clé", he: "מפתח", it: "chiave", ja: "キー", ko: "키" },
  ...{ nl: "sleutel", pl: "klucz", "pt-BR": "chave", "zh-CN": "密钥" },
};

test("what is said of a form that does not load speaks of no key: nothing was typed yet", async () => {
  for (const [tag, key] of Object.entries(KEY)) {
    const words = tag === "en" ? englishWords() : await wordsOf(tag);
    assert.ok(words.api_key?.toLowerCase().includes(key), tag); // else the test looks for the wrong word
    for (const cause of ["offline", "network", "timeout", "server", "limited"])
      for (const name of [cause, `${cause}_next`, "again_next"])
        assert.ok(!words[name]?.toLowerCase().includes(key), `${tag} ${name}: ${words[name]}`);
  }
  assert.deepEqual(Object.keys(KEY).sort(), [...languages(), "en"].sort());
});

test("a missing, an unknown and an empty word and a wrong placeholder are faults", () => {
  const english = { title: "Connect {provider}", close: "Close", done: "Done" };
  assert.deepEqual(faults(english, { title: "{provder} verbinden", close: " ", doen: "Fertig" }), [
    "doen: there is no such word",
    "title: expected {provider}, got {provder}",
    "close: missing",
    "done: missing",
  ]);
  assert.deepEqual(faults(english, { title: "{provider} {provider}", close: "Zu", done: "Fertig" }), []);
});

test("index.d.ts declares the words of core/src/words.rs", () => {
  const types = readFileSync(new URL("index.d.ts", import.meta.url), "utf8");
  const start = types.indexOf("export type Word =");
  const declared = [...types.slice(start, types.indexOf(";", start)).matchAll(/"(\w+)"/g)].map((match) => match[1]);
  assert.deepEqual(declared, Object.keys(englishWords()));
});
