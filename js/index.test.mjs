// The hand-written types say what the code does.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const types = readFileSync(new URL("index.d.ts", import.meta.url), "utf8");

test("AuthErrorCode names exactly the codes of core/src/error.rs", () => {
  const rust = readFileSync(new URL("../core/src/error.rs", import.meta.url), "utf8");
  const list = rust.slice(rust.indexOf("codes! {"), rust.indexOf("\n}", rust.indexOf("codes! {")));
  const codes = [...list.matchAll(/=> "([a-z_]+)"/g)].map((match) => match[1]);
  const union = types.slice(
    types.indexOf("export type AuthErrorCode"),
    types.indexOf("\n\n", types.indexOf("export type AuthErrorCode")),
  );
  const words = [...union.matchAll(/^\s+\| "([a-z_]+)"/gm)].map((match) => match[1]);
  assert.ok(codes.length > 10);
  assert.deepEqual(words.toSorted(), codes.toSorted());
});

test("index.d.ts declares every value that index.js exports", async () => {
  const declared = [...types.matchAll(/^export (?:function|class) (\w+)/gm)].map((match) => match[1]);
  const { createKeyslot } = await import("./calls.js");
  const made = Object.keys(createKeyslot({ load: async () => assert.fail("not loaded here") }));
  assert.deepEqual(declared.toSorted(), [...made, "AuthError", "isAuthError"].toSorted());
});

test("every option that the widget reads is declared, and the other way round", () => {
  const rust = readFileSync(new URL("../src/options.rs", import.meta.url), "utf8");
  // One text: a letter for the kind, then the name. Those of no kind are named beside it.
  const [, list = ""] = rust.match(/const OPTIONS: &str = "([^"]+)"/) ?? [];
  const kinds = list.split(/\\n|\\\s+/).filter(Boolean);
  const [, loose = ""] = rust.match(/Options of no kind \(([^)]+)\)/) ?? [];
  const read = [...kinds.map((option) => option.slice(1)), ...[...loose.matchAll(/`(\w+)`/g)].map(([, name]) => name)];
  const folder = new URL("../src/", import.meta.url);
  const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".rs"))
    .map((name) => readFileSync(new URL(name, folder), "utf8"))
    .join("");
  for (const name of read) assert.ok(sources.includes(`"${name}"`), `nothing reads the option ${name}`);
  const body = types.slice(
    types.indexOf("export interface AuthOptions"),
    types.indexOf("\n}", types.indexOf("export interface AuthOptions")),
  );
  const declared = [...body.matchAll(/^ {2}(\w+)\?:/gm)].map((match) => match[1]);
  assert.deepEqual(read.toSorted(), declared.toSorted());
});
