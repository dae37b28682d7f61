// The documented custom properties and parts are those that there are.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { PARTS, TOKENS } from "../www/theming-names.js";

const read = (/** @type {string} */ path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

/** Name and fallback of each `var(--keyslot-…, …)`, brackets within the fallback counted. @param {string} css */
function properties(css) {
  return [...css.matchAll(/var\(--keyslot-([a-z-]+),\s*/g)].map((match) => {
    const start = match.index + match[0].length;
    let end = start;
    for (let depth = 1; depth > 0; end += 1) depth += { "(": 1, ")": -1 }[css[end]] ?? 0;
    return [match[1], css.slice(start, end - 1)];
  });
}

test("the table of custom properties is that of src/view/widget.css, with the same values", () => {
  const found = properties(read("src/view/widget.css"));
  assert.deepEqual(
    [...new Set(found.map((entry) => entry.join(": ")))].toSorted(),
    TOKENS.map(({ name, initial }) => `${name}: ${initial}`).toSorted(),
  );
});

test("the grounds that are named by us are shown as they are, in light and in dark", () => {
  const value = (/** @type {string} */ file, /** @type {string} */ name) =>
    read(file).match(new RegExp(`--${name}:\\s*(#\\w+)`))?.[1];
  for (const { initial, shown } of TOKENS) {
    const own = initial.match(/^var\(--(\w+)\)$/)?.[1];
    const both = own && `${value("src/view/widget.css", own)}, dark ${value("src/view/style.rs", own)}`;
    assert.equal(shown, both);
  }
});

test("docs/theming.md lists the same properties and parts in the same words", () => {
  const rows = read("docs/theming.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | *\|$/g, "").trim()));
  const expected = [
    ...TOKENS.map(({ name, initial, shown = initial, about }) => [`\`--keyslot-${name}\``, `\`${shown}\``, about]),
    ...Object.entries(PARTS).map(([name, about]) => [`\`${name}\``, about]),
  ];
  assert.deepEqual(rows, expected);
});
