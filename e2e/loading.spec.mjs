// The ways in, and what is said when the module cannot start.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../scripts/workspace.mjs";
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

for (const [kind, name] of [
  ["external", "the entry with its own .wasm"],
  ["classic", "one classic script with an integrity hash"],
]) {
  test(`${name} connects under the strict policy`, async ({ page, open, dialog, outcome, connectionId }) => {
    /** @type {string[]} */
    const violations = [];
    page.on("console", (message) => {
      if (/Content.Security.Policy|TrustedHTML|TrustedScript/i.test(message.text())) violations.push(message.text());
    });
    await open({ integrationId: "acme-key", connectionId }, kind);
    await dialog.field("apiKey").fill(ACCEPTED.apiKey);
    await dialog.submit.click();
    expect((await outcome()).result.connectionId).toBe(connectionId);
    expect(violations).toEqual([]);
  });
}

for (const kind of ["module", "external"]) {
  test(`${kind}: a policy that blocks WebAssembly is named, with the line to add`, async ({
    page,
    world,
    outcome,
    dialog,
  }) => {
    await page.goto(`${world.app.page(kind, { integrationId: "acme-key" })}&csp=no-wasm`);
    await page.getByRole("button", { name: "Connect" }).click();
    const { error } = await outcome();
    expect(error).toMatchObject({ name: "AuthError", code: "not_supported", isError: true });
    expect(error.message).toContain("'wasm-unsafe-eval'");
    await expect(dialog.host).toHaveCount(0);
  });
}

/** @type {[string, NonNullable<Parameters<import("@playwright/test").Route["fulfill"]>[0]> | "abort", RegExp][]} */
const BROKEN = [
  ["a missing .wasm", { status: 404, body: "not here" }, /404/],
  [
    "an HTML page instead of the .wasm",
    { status: 200, contentType: "text/html", body: "<!doctype html><title>app</title>" },
    /text\/html, not WebAssembly/,
  ],
  ["a .wasm that cannot be fetched", "abort", /could not be fetched .*CORS.*connect-src/],
];
for (const [name, answer, message] of BROKEN) {
  test(`${name} is named, and the next call tries again`, async ({ page, world, outcome, dialog, connectionId }) => {
    await page.route("**/keyslot_bg.wasm", (route) => (answer === "abort" ? route.abort() : route.fulfill(answer)), {
      times: 1,
    });
    await page.goto(world.app.page("external", { integrationId: "acme-key", connectionId }));
    await page.getByRole("button", { name: "Connect" }).click();
    const { error } = await outcome();
    expect(error.code).toBe("not_supported");
    expect(error.message).toMatch(message);
    await page.getByRole("button", { name: "Connect" }).click();
    await expect(dialog.field("apiKey")).toBeFocused();
  });
}

test("a .wasm of the wrong MIME type still starts", async ({ page, world, dialog, connectionId }) => {
  await page.route("**/keyslot_bg.wasm", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), "content-type": "application/octet-stream" } });
  });
  await page.goto(world.app.page("external", { integrationId: "acme-key", connectionId }));
  await page.getByRole("button", { name: "Connect" }).click();
  await expect(dialog.field("apiKey")).toBeFocused();
});

test("a browser without WebAssembly is told so", async ({ page, world, outcome }) => {
  await page.addInitScript(() => {
    Reflect.deleteProperty(globalThis, "WebAssembly");
  });
  await page.goto(world.app.page("module", { integrationId: "acme-key" }));
  await page.getByRole("button", { name: "Connect" }).click();
  expect((await outcome()).error).toMatchObject({
    code: "not_supported",
    message: /** @type {any} */ (expect.stringContaining("WebAssembly")),
  });
});

for (const [what, remove] of /** @type {const} */ ([
  ["the dialog element", () => Reflect.deleteProperty(globalThis, "HTMLDialogElement")],
  ["adopted style sheets", () => Reflect.deleteProperty(Document.prototype, "adoptedStyleSheets")],
])) {
  test(`a browser without ${what} is told so, and which ones have it`, async ({ page, world, outcome, dialog }) => {
    await page.addInitScript(remove);
    await page.goto(world.app.page("module", { integrationId: "acme-key" }));
    await page.getByRole("button", { name: "Connect" }).click();
    const { error } = await outcome();
    expect(error.code).toBe("not_supported");
    expect(error.message).toMatch(new RegExp(`lacks ${what}: .*Firefox 102`));
    await expect(dialog.host).toHaveCount(0);
  });
}

test("a page opened from file: connects with the classic script", async ({ page, world, dialog, connectionId }) => {
  const folder = mkdtempSync(path.join(tmpdir(), "keyslot-page-"));
  copyFileSync(path.join(root, "dist", "global.js"), path.join(folder, "global.js"));
  writeFileSync(path.join(folder, "page.html"), '<!doctype html><title>Page</title><script src="global.js"></script>');
  await page.goto(pathToFileURL(path.join(folder, "page.html")).href);
  const { data } = await world.sdk.createConnectSession({ end_user: { id: connectionId } });
  const call = page.evaluate(([host, session, id]) => {
    const { Keyslot } = /** @type {any} */ (globalThis);
    return Keyslot.auth("acme-key", id, { host, session });
  }, /** @type {const} */ ([world.server.url, data.token, connectionId]));
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect(await call).toMatchObject({ connectionId });
  rmSync(folder, { recursive: true });
});

test("the recipes for loading ahead work: nothing is fetched twice", async ({ page, world, dialog, connectionId }) => {
  /** @type {string[]} */
  const assets = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/assets/")) assets.push(pathname);
  });
  await page.goto(world.app.page("preloaded", { integrationId: "acme-key", connectionId }));
  await page.waitForLoadState("networkidle");
  const before = [...assets];
  expect(before).toContain("/assets/keyslot_bg.wasm");
  await page.getByRole("button", { name: "Connect" }).click();
  await expect(dialog.field("apiKey")).toBeFocused();
  expect(assets).toEqual(before);
});
