// The stock `@nangohq/frontend` where it opens something of its own: `openConnectUI()` a frame with the server's
// connect page, `auth()` without credentials a popup. On a site of its own, with no policy, as most have none.
import { createServer } from "node:http";
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

/** @type {import("node:http").Server} */
let site;
let origin = "";

test.beforeAll(async ({ world }) => {
  const sdk = await (await fetch(`${world.app.url}/stock-sdk.js`)).text();
  site = createServer((request, answer) => {
    const { pathname } = new URL(request.url ?? "/", "http://site");
    if (pathname === "/stock-sdk.js") return answer.setHeader("content-type", "text/javascript").end(sdk);
    answer.setHeader("content-type", "text/html; charset=utf-8");
    if (pathname === "/silent") answer.setHeader("referrer-policy", "no-referrer");
    answer.end("<!doctype html><html lang=en><title>Site</title><link rel=icon href=data:,><button>Other</button>");
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", () => resolve(undefined)));
  origin = `http://localhost:${/** @type {import("node:net").AddressInfo} */ (site.address()).port}`;
});
test.afterAll(async ({ world }) => {
  await allow(world, []);
  site.closeAllConnections();
  site.close();
});

/** @param {import("./fixtures.mjs").World} world @param {string[]} origins */
async function allow(world, origins) {
  const answer = await fetch(`${world.server.url}/environment`, {
    method: "PATCH",
    headers: { "content-type": "application/json", authorization: `Bearer ${world.server.secretKey}` },
    body: JSON.stringify({ allowed_origins: origins }),
  });
  expect(answer.status).toBe(200);
}

/**
 * Opens the frame from a page of the site.
 * @param {import("@playwright/test").Page} page
 * @param {import("./fixtures.mjs").World} world
 * @param {{ integrations?: string[], token?: string, lang?: string, path?: string }} [of]
 */
async function openFrame(page, world, { integrations = ["acme-key"], token, lang, path = "/" } = {}) {
  await page.goto(origin + path);
  const terms = { end_user: { id: "framed" }, allowed_integrations: integrations };
  const sessionToken = token ?? (await world.sdk.createConnectSession(terms)).data.token;
  await page.evaluate(
    async ([host, sessionToken, lang]) => {
      const { default: Nango } = await import(/** @type {any} */ ("/stock-sdk.js"));
      /** @type {unknown[]} */
      const events = [];
      Object.assign(globalThis, { events });
      new Nango({ host, connectSessionToken: sessionToken }).openConnectUI({
        baseURL: `${host}/connect`,
        apiURL: host,
        lang: lang || undefined,
        onEvent: (/** @type {unknown} */ event) => events.push(event),
      });
    },
    /** @type {const} */ ([world.server.url, sessionToken, lang ?? ""]),
  );
  return page.frameLocator("#connect-ui");
}

/** @param {import("@playwright/test").Page} page @returns {Promise<any[]>} */
const events = (page) => page.evaluate(() => /** @type {any} */ (globalThis).events);

/** @param {import("@playwright/test").Page} page */
async function isGone(page) {
  await expect(page.locator("#connect-ui")).toHaveCount(0);
  expect(await page.evaluate(() => document.body.style.overflow)).toBe("");
  expect((await events(page)).at(-1)).toEqual({ type: "close" });
}

test("a site that may: the frame takes the token by message, connects, says so and goes", async ({ page, world }) => {
  await allow(world, ["https://other.example", origin]);
  const frame = await openFrame(page, world);
  await frame.locator('[data-keyslot] [name="apiKey"]').fill("acme_live_wrong00000000");
  await frame.locator("[data-keyslot] [part~=submit]").click();
  await expect(frame.locator("[data-keyslot] [part~=error]")).toBeVisible();
  await frame.locator('[data-keyslot] [name="apiKey"]').fill(ACCEPTED.apiKey);
  await frame.locator("[data-keyslot] [part~=submit]").click();
  await isGone(page);
  const told = await events(page);
  expect(told.map(({ type }) => type)).toEqual(["ready", "error", "connect", "close"]);
  expect(told[1].payload.errorType).toBe("connection_test_failed");
  const { providerConfigKey, connectionId } = told[2].payload;
  expect(providerConfigKey).toBe("acme-key");
  expect((await world.sdk.getConnection("acme-key", connectionId)).credentials).toMatchObject({
    apiKey: ACCEPTED.apiKey,
  });
  expect(world.server.log()).not.toContain("nango_connect_session_");
});

test("several integrations are listed in the page's language, and Escape ends it", async ({ page, world }) => {
  await allow(world, [origin]);
  const frame = await openFrame(page, world, { integrations: ["acme-key", "acme-basic"], lang: "de" });
  await expect(frame.getByRole("dialog")).toHaveAttribute("lang", "de");
  await frame.getByRole("button", { name: "Acme Desk" }).click();
  await expect(frame.locator('[data-keyslot] [name="username"]')).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(frame.getByRole("button", { name: "Acme Desk" })).toBeFocused();
  await page.keyboard.press("Escape");
  await isGone(page);
});

test("a session that has ended is said, and can be closed", async ({ page, world }) => {
  await allow(world, [origin]);
  const frame = await openFrame(page, world, { token: `nango_connect_session_${"0".repeat(64)}` });
  await expect(frame.getByRole("alert")).toContainText("open for too long");
  await frame.getByRole("button", { name: "Close" }).click();
  await isGone(page);
});

test("a dialog that cannot be loaded is said, and can be closed", async ({ page, world }) => {
  await allow(world, [origin]);
  await page.route("**/assets/nango.js", (route) => route.abort());
  const frame = await openFrame(page, world);
  await expect(frame.getByRole("heading")).toHaveText("This could not be loaded");
  expect((await events(page)).at(-1)).toMatchObject({ type: "error", payload: { errorType: "unknown_error" } });
  await frame.getByRole("button", { name: "Close" }).click();
  await isGone(page);
});

for (const [name, origins] of /** @type {[string, string[]][]} */ ([
  ["where no site may", []],
  ["where others may", ["https://other.example"]],
])) {
  test(`a site that may not, ${name}: it is told, and what lies over its page can be closed`, async ({
    page,
    world,
  }) => {
    await allow(world, origins);
    const frame = await openFrame(page, world);
    await expect(frame.getByRole("heading")).toHaveText("This site may not connect accounts here");
    expect((await events(page)).at(-1)).toMatchObject({ type: "error" });
    expect((await events(page)).at(-1).payload.errorMessage).toContain("allowed_origins");
    await frame.getByRole("button", { name: "Close" }).click();
    await isGone(page);
  });
}

test("a site that may not and hides its name is stopped by the browser", async ({ page, world }) => {
  await allow(world, ["https://other.example"]);
  const stopped = page.waitForEvent("console", (message) => message.text().includes("frame-ancestors"));
  const frame = await openFrame(page, world, { path: "/silent" });
  await stopped;
  await expect(frame.getByRole("dialog")).toHaveCount(0);
  expect(await events(page)).toEqual([]);
});

test("auth() without credentials rejects with the original's error, and its popup closes", async ({
  page,
  world,
  context,
}) => {
  await page.goto(origin);
  const { data } = await world.sdk.createConnectSession({ end_user: { id: "popup" } });
  await page.evaluate(async ([host, connectSessionToken]) => {
    const { default: Nango } = await import(/** @type {any} */ ("/stock-sdk.js"));
    document.querySelector("button")?.addEventListener("click", () => {
      const promise = new Nango({ host, connectSessionToken }).auth("acme-key");
      Object.assign(globalThis, {
        outcome: promise.catch((/** @type {any} */ { type, message }) => ({ type, message })),
      });
    });
  }, /** @type {const} */ ([world.server.url, data.token]));
  await page.getByRole("button").click();
  expect(await page.evaluate(() => /** @type {any} */ (globalThis).outcome)).toEqual({
    type: "auth_mode_err",
    message: /** @type {any} */ (expect.stringContaining("openConnectUI()")),
  });
  await expect.poll(() => context.pages().length).toBe(1);
});
