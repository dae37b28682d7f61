// The entries for frameworks: what they share, and that each loads in plain Node. The hooks themselves
// run in a browser, in packaging/.
import assert from "node:assert/strict";
import { test } from "node:test";

const dist = new URL("../dist/", import.meta.url);

test("every further entry may be imported while rendering on a server", async () => {
  for (const [entry, names] of Object.entries({
    react: ["useKeyslot"],
    vue: ["useKeyslot"],
    svelte: ["createKeyslotStore"],
    nango: ["AuthError", "ConnectUI", "default"],
    element: ["KeyslotConnectElement"],
  })) {
    const module = await import(new URL(`${entry}.js`, dist).href);
    assert.deepEqual(Object.keys(module).sort(), names);
  }
});

test("react.js begins with the line that Next.js looks for", async () => {
  const { readFileSync } = await import("node:fs");
  assert.match(readFileSync(new URL("react.js", dist), "utf8"), /^"use client";\n/);
});

test("a failed call is a state and no rejection, and a store tells every change", async () => {
  const { createKeyslotStore } = await import(new URL("svelte.js", dist).href);
  const store = createKeyslotStore();
  /** @type {any[]} */
  const states = [];
  const unsubscribe = store.subscribe((/** @type {any} */ state) => states.push(state));
  assert.equal(await store.connect("demo"), undefined);
  unsubscribe();
  // There is no page here: what a call on a server ends with.
  assert.deepEqual(
    states.map(({ status, error }) => [status, error?.code]),
    [
      ["idle", undefined],
      ["connecting", undefined],
      ["failed", "not_supported"],
    ],
  );
});

test("React renders the hook on a server", async () => {
  const { useKeyslot } = await import(new URL("react.js", dist).href);
  const { createElement } = await import("react");
  const { renderToString } = await import("react-dom/server");
  const Status = () => createElement("p", null, useKeyslot().status);
  assert.equal(renderToString(createElement(Status)), "<p>idle</p>");
});

test("keyslot/nango talks to Nango's cloud unless a host is given, as the stock package does", async () => {
  const { default: Nango } = await import(new URL("nango.js", dist).href);
  const { default: Stock } = await import("@nangohq/frontend");
  /** @type {string[]} */
  const seen = [];
  const { fetch } = globalThis;
  globalThis.fetch = async (address) => {
    seen.push(new URL(String(address)).origin);
    return new Response('{"connectionId":"c","providerConfigKey":"p"}');
  };
  try {
    for (const Class of [Stock, Nango])
      await new Class({ connectSessionToken: "t" }).auth("demo", { credentials: { apiKey: "k" } });
  } finally {
    globalThis.fetch = fetch;
  }
  assert.deepEqual(seen, ["https://api.nango.dev", "https://api.nango.dev"]);
});
