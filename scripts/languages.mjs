// Holds the dialog's languages (js/locales/*.js) against its English (core/src/words.rs): a word that is
// missing, unknown or has other placeholders ends the build. Whether a translation is good is not told here.
// Not an i18n linter: those read their own formats of messages, and English is in Rust here.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { StepFailed } from "./run-step.mjs";
import { root } from "./workspace.mjs";

const folder = path.join(root, "js", "locales");

/**
 * The English words by key, as core/src/words.rs lists them.
 * @returns {Record<string, string>}
 */
export function englishWords() {
  const rust = readFileSync(path.join(root, "core", "src", "words.rs"), "utf8");
  const start = rust.indexOf("\nwords! {\n");
  const list = rust.slice(start, rust.indexOf("\n}\n", start));
  const words = Object.fromEntries(
    [...list.matchAll(/^ {4}\w+ "(\w+)" "((?:[^"\\]|\\.)*)"$/gm)].map(([, key, text]) => [key, text]),
  );
  if (Object.keys(words).length < 50)
    throw new StepFailed("core/src/words.rs no longer reads as scripts/languages.mjs expects.");
  return words;
}

/** The tags of the languages that have a file. @returns {string[]} */
export const languages = () =>
  readdirSync(folder)
    .map((name) => path.basename(name, ".js"))
    .sort();

/** The words of one language. @param {string} tag @returns {Promise<Record<string, string>>} */
export const wordsOf = async (tag) => (await import(pathToFileURL(path.join(folder, `${tag}.js`)).href)).default;

/**
 * What is wrong with the words of a language, one text for each fault.
 * @param {Record<string, string>} english
 * @param {Record<string, unknown>} words
 * @returns {string[]}
 */
export function faults(english, words) {
  const found = [];
  for (const key of Object.keys(words)) if (!(key in english)) found.push(`${key}: there is no such word`);
  for (const [key, text] of Object.entries(english)) {
    const translated = words[key];
    if (typeof translated !== "string" || translated.trim() === "") found.push(`${key}: missing`);
    else if (placeholders(translated) !== placeholders(text))
      found.push(
        `${key}: expected ${placeholders(text) || "no placeholder"}, got ${placeholders(translated) || "none"}`,
      );
  }
  return found;
}

/** @param {string} text */
const placeholders = (text) => [...new Set(text.match(/\{\w*\}?/g))].sort().join(" ");

/** @throws {StepFailed} naming each fault of each language */
export async function checkLanguages() {
  const english = englishWords();
  const found = [];
  for (const tag of languages())
    for (const fault of faults(english, await wordsOf(tag))) found.push(`js/locales/${tag}.js: ${fault}`);
  if (found.length > 0) throw new StepFailed(`The languages do not fit core/src/words.rs:\n  ${found.join("\n  ")}`);
}
