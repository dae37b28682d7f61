// Which language the dialog speaks, and its words. English is inside the module; every other language
// is a file of its own beside the entry, fetched only when somebody reads it.
import { LANGUAGES } from "./language-modules.js";
import { own } from "./own.js";

/** A dialog in English now is better than one in the right language much later. */
const LANGUAGE_TIMEOUT_MS = 5_000;

/** @type {Map<string, import("./index.js").Words>} */
const loaded = new Map();

/**
 * The options that the module gets, with `locale` and `words` for the language of this call; a promise
 * of them when its file has to be fetched first. It never rejects: without its file, a language is English.
 * Options with `words` of their own, and those that are no options, come back as they are.
 * @param {unknown} options
 * @returns {unknown}
 */
export function inLanguage(options) {
  const { locale, words, credentials } = /** @type {import("./index.js").AuthOptions} */ (own(options));
  if (typeof options !== "object" || words || credentials) return options;
  if (locale != null && typeof locale !== "string") return options; // the module says what is wrong with it
  const tag = nearest([locale, pageLanguage(), ...(globalThis.navigator?.languages ?? [])]);
  const load = LANGUAGES[tag];
  const spoken = (/** @type {import("./index.js").Words | undefined} */ texts) =>
    texts ? { ...options, locale: tag, words: texts } : { ...options, locale: "en" };
  if (!load || loaded.has(tag)) return spoken(loaded.get(tag));
  return fetched(tag, load).then(spoken);
}

/** Chinese in the Traditional script, or of where that is written. There is the Simplified one only. */
const TRADITIONAL = /^zh(?!.*hans).*(hant|tw|hk|mo)/;

/**
 * The first of the wanted languages that there is: `de-AT` is `de`, `zh-TW` is not `zh-CN`. By hand, because the
 * first use of `Intl.Locale` takes a cold start 4 ms, a tenth of all the time to the form.
 * @param {unknown[]} wanted BCP 47 tags, dearest first
 */
function nearest(wanted) {
  for (const tag of wanted) {
    // `iw` was Hebrew's tag until 1989, and still is Java's.
    const text = `${tag}`.toLowerCase().replace(/^iw/, "he");
    const found = ["en", ...Object.keys(LANGUAGES)].find((known) => text.split(/[-_]/)[0] === known.slice(0, 2));
    if (found && !TRADITIONAL.test(text)) return found;
  }
  return "en";
}

/** The language of what was clicked, else of the page. */
function pageLanguage() {
  const { activeElement, documentElement } = globalThis.document ?? {};
  return (activeElement ?? documentElement)?.closest("[lang]")?.getAttribute("lang");
}

/**
 * @param {string} tag
 * @param {import("./language-modules.js").LoadWords} load
 */
async function fetched(tag, load) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(reject, LANGUAGE_TIMEOUT_MS)));
  try {
    const { default: words } = await /** @type {ReturnType<typeof load>} */ (Promise.race([load(), late]));
    loaded.set(tag, words);
    return words;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
