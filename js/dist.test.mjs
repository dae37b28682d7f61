// What is shipped, imported by plain Node as a server-side renderer does.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { languages, wordsOf } from "../scripts/languages.mjs";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const dist = new URL("../dist/", import.meta.url);
const NAMES = ["AuthError", "Keyslot", "auth", "close", "configure", "isAuthError", "preload", "reconnect"];

for (const entry of ["index.js", "external.js"]) {
  test(`importing ${entry} in Node does nothing and gives every name`, async () => {
    const module = await import(new URL(entry, dist).href);
    assert.deepEqual(Object.keys(module).sort(), NAMES);
    await assert.rejects(module.auth("demo"), { name: "AuthError", code: "not_supported" });
    await module.preload("demo");
    module.close();
  });
}

test("the classic script gives the global `Keyslot`, with every name", () => {
  const page = createContext();
  runInContext(readFileSync(new URL("global.js", dist), "utf8"), page);
  assert.deepEqual(Object.keys(runInContext("Keyslot", page)).sort(), NAMES);
});

test("every file that package.json names exists", () => {
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  for (const target of [...targets, manifest.types, manifest.unpkg, manifest.jsdelivr]) {
    for (const name of target.includes("*") ? languages() : [""]) {
      const file = target.replace("*", name);
      assert.ok(existsSync(new URL(`../${file}`, import.meta.url)), `${file} is missing`);
    }
  }
});

test("integrity.json has the hash of each file", () => {
  const integrity = JSON.parse(readFileSync(new URL("integrity.json", dist), "utf8"));
  const shipped = readdirSync(dist).filter((name) => /\.(js|wasm)$/.test(name));
  const locales = languages().flatMap((tag) => [`locales/${tag}.js`, `locales/${tag}.json`]);
  assert.deepEqual(Object.keys(integrity).sort(), [...shipped, ...locales].sort());
  for (const [name, value] of Object.entries(integrity)) {
    const hash = createHash("sha384")
      .update(readFileSync(new URL(name, dist)))
      .digest("base64");
    assert.equal(value, `sha384-${hash}`);
  }
});

test("each language is a file of its own, and no entry holds its words", async () => {
  for (const tag of languages()) {
    const words = await wordsOf(tag);
    assert.deepEqual((await import(new URL(`locales/${tag}.js`, dist).href)).default, words);
    for (const entry of readdirSync(dist).filter((name) => name.endsWith(".js")))
      assert.ok(!readFileSync(new URL(entry, dist), "utf8").includes(words.refused_next), `${entry} holds ${tag}`);
  }
});

test("global.js imports nothing: each language is data whose hash it holds", async () => {
  const source = readFileSync(new URL("global.js", dist), "utf8");
  assert.doesNotMatch(source, /\bimport\s*\(/);
  const integrity = JSON.parse(readFileSync(new URL("integrity.json", dist), "utf8"));
  for (const tag of languages()) {
    assert.deepEqual(JSON.parse(readFileSync(new URL(`locales/${tag}.json`, dist), "utf8")), await wordsOf(tag));
    assert.ok(source.includes(integrity[`locales/${tag}.json`]), `global.js has no hash of ${tag}`);
  }
});

test("the module inlined in index.js is the one beside it", async () => {
  const { moduleBytes } = await import("./module-text.js");
  const source = readFileSync(new URL("index.js", dist), "utf8");
  const text = source.match(/"([^"\n]{20000,})"/)?.[1];
  const frequent = source.match(/"([0-9a-f]{150,})"/)?.[1];
  assert.ok(text && frequent, "no module in index.js");
  assert.ok(readFileSync(new URL("keyslot_bg.wasm", dist)).equals(moduleBytes(text, frequent)));
});
