// Checks that what is shipped uses nothing newer than the oldest browsers that are promised, against MDN's
// browser-compat-data. Syntax is not looked at: esbuild writes it for these browsers.
//
// Told by name: a global by its own, a member by the names of all interfaces that have one such. So a
// member counts as too new only when it is too new everywhere; the browsers' own tests are the rest.
// Not eslint-plugin-compat: it looks at globals and their static members, not at members of instances.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { main, say, StepFailed } from "./run-step.mjs";
import { root } from "./workspace.mjs";

/** The oldest browsers that are promised; scripts/build-widget.mjs has esbuild write for them. */
export const FLOOR = /** @type {const} */ ({ chrome: 97, edge: 97, firefox: 102, safari: 16.4, safari_ios: 16.4 });

/** Newer than the floor, and looked for before it is used, or harmless without. */
const DETECTED = /** @type {Record<string, string>} */ ({
  ".detached": "wasm-bindgen compares with the memory's present buffer where it is undefined",
  "overscroll-behavior": "without it the page may scroll on behind a dialog that has come to its end",
  "forced-color-adjust": "without it the browser's own colours are used, which are legible too",
});

/** Names of members of our own objects that some new interface has too. */
const OURS = [".session", ".token", ".address", ".retry", ".configure", ".connection", ".reconnect", ".memory"];

/** @typedef {{ version_added?: string | boolean | null, version_removed?: string | boolean, flags?: unknown, prefix?: string, alternative_name?: string }} Support */
/** @typedef {{ support: Record<string, Support | Support[]> }} Compat */

const require = createRequire(import.meta.url);

/** @throws {StepFailed} naming each feature that is too new, and where it is */
export async function checkBrowserFloor() {
  const data = /** @type {any} */ (require("@mdn/browser-compat-data"));
  const members = membersByName([
    data.api,
    data.javascript.builtins,
    data.javascript.builtins.Intl,
    data.webassembly.api,
  ]);
  const globals = { ...data.api, ...data.javascript.builtins, ...data.webassembly.api };
  /** @type {Set<string>} */
  const problems = new Set();
  let count = 0;
  const judge = (/** @type {string} */ where, /** @type {string} */ name, /** @type {Compat[]} */ candidates) => {
    if (candidates.length === 0) return;
    count += 1;
    if (name in DETECTED || OURS.includes(name)) return;
    const missing = candidates.map(tooNewFor);
    if (missing.every((browsers) => browsers.length > 0))
      problems.add(`${name} (${where}) is missing in ${missing[0]?.join(", ")}`);
  };

  const { parse } = await import("acorn");
  const { full } = await import("acorn-walk");
  const scripts = readdirSync(path.join(root, "dist")).filter((name) => name.endsWith(".js"));
  for (const file of [...scripts.map((name) => `dist/${name}`), "pkg/keyslot.js"]) {
    const source = readFileSync(path.join(root, file), "utf8");
    /** @type {Set<string>} */
    const seen = new Set();
    full(parse(source, { ecmaVersion: 2022, sourceType: "module" }), (/** @type {any} */ node) => {
      if (node.type === "Identifier") seen.add(node.name);
      if (node.type !== "MemberExpression" || node.computed) return;
      const { object, property } = node;
      if (object.type === "Identifier" && globals[object.name]) {
        const member = globals[object.name][`${property.name}_static`] ?? globals[object.name][property.name];
        if (member?.__compat) judge(file, `${object.name}.${property.name}`, [member.__compat]);
      }
      // One letter: a name that the build has shortened.
      if (property.name.length > 1) seen.add(`.${property.name}`);
    });
    for (const name of seen) {
      if (name.startsWith(".")) judge(file, name, members.get(name.slice(1)) ?? []);
      else if (Object.hasOwn(globals, name) && globals[name].__compat) judge(file, name, [globals[name].__compat]);
    }
  }

  const { properties, selectors, "at-rules": atRules } = data.css;
  const sheets = ["src/view/widget.css", "js/element.css", "js/integration-list.css"];
  for (const file of sheets) {
    const css = readFileSync(path.join(root, file), "utf8").replaceAll(/\/\*[^]*?\*\//g, "");
    const known = (/** @type {any} */ kind, /** @type {string} */ name) =>
      judge(file, name, kind[name]?.__compat ? [kind[name].__compat] : []);
    for (const [, name] of css.matchAll(/[{;]\s*([a-z-]+)\s*:/g)) known(properties, String(name));
    for (const [, name] of css.matchAll(/::?([a-z-]+)/g)) known(selectors, String(name));
    for (const [, name] of css.matchAll(/@([a-z-]+)/g)) known(atRules, String(name));
    for (const [, name] of css.matchAll(/@media[^{]*?\(([a-z-]+)/g)) known(atRules.media, String(name));
  }

  if (problems.size > 0) {
    const floor = Object.entries(FLOOR).map(([browser, version]) => `${browser} ${version}`);
    throw new StepFailed(
      `Newer than the browsers that are promised (${floor.join(", ")}):\n  ${[...problems].join("\n  ")}\n` +
        "Do without, or detect it and say so in DETECTED of scripts/browser-floor.mjs.",
    );
  }
  say(`  ✓ ${count} browser features are as old as the browsers that are promised`);
}

/** @param {any[]} interfaces @returns {Map<string, Compat[]>} */
function membersByName(interfaces) {
  const members = new Map();
  for (const kind of interfaces.flatMap((one) => Object.values(one))) {
    for (const [name, member] of Object.entries(/** @type {any} */ (kind))) {
      if (!(/** @type {any} */ (member)?.__compat) || name.endsWith("_event")) continue;
      const plain = name.replace(/_static$/, "");
      members.set(plain, [...(members.get(plain) ?? []), /** @type {any} */ (member).__compat]);
    }
  }
  return members;
}

/** @param {Compat} compat @returns {string[]} the browsers of the floor that do not have it */
function tooNewFor(compat) {
  return Object.entries(FLOOR)
    .filter(([browser, floor]) => {
      const statements = [compat.support[browser] ?? []].flat();
      return !statements.some(
        ({ version_added: added, version_removed: removed, flags, prefix, alternative_name: other }) =>
          typeof added === "string" && version(added) <= floor && !removed && !flags && !prefix && !other,
      );
    })
    .map(([browser]) => browser);
}

/** @param {string} text such as "97", "16.4", "≤79", "preview" */
function version(text) {
  const found = Number.parseFloat(text.replace("≤", ""));
  return Number.isNaN(found) ? Number.POSITIVE_INFINITY : found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(checkBrowserFloor);
