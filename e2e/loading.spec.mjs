// The ways in, and what is said when the module cannot start.
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

/** @type {[string, import("@playwright/test").Route extends never ? never : Parameters<import("@playwright/test").Route["fulfill"]>[0], RegExp][]} */
const BROKEN = [
  ["a missing .wasm", { status: 404, body: "not here" }, /404/],
  [
    "an HTML page instead of the .wasm",
    { status: 200, contentType: "text/html", body: "<!doctype html><title>app</title>" },
    /HTML page/,
  ],
];
for (const [name, answer, message] of BROKEN) {
  test(`${name} is named, and the next call tries again`, async ({ page, world, outcome, dialog, connectionId }) => {
    await page.route("**/keyslot_bg.wasm", (route) => route.fulfill(answer), { times: 1 });
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
