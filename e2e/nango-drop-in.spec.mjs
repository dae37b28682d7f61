// `keyslot/nango` in the place of `@nangohq/frontend`: the same calls through both, in one page, against
// the real server; what they send and how they end is compared. What is better on purpose is listed apart.
import { expect, test } from "./fixtures.mjs";
import { wordsOf } from "../scripts/languages.mjs";
import { ACCEPTED } from "./provider-api.mjs";

const apiKey = { apiKey: ACCEPTED.apiKey };
const basic = { username: ACCEPTED.username, password: ACCEPTED.password };
const unknownToken = `nango_connect_session_${"0".repeat(64)}`;

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {Record<string, unknown>} [config] of the constructor; default: a fresh session
 * @property {"auth" | "reconnect" | "create"} [method]
 * @property {unknown[]} args
 */

/** @type {Case[]} */
const SAME = [
  { name: "an API key", args: ["acme-key", { credentials: apiKey }] },
  { name: "an API key with its type named", args: ["acme-key", { credentials: { ...apiKey, type: "API_KEY" } }] },
  { name: "a user name and a password", args: ["acme-basic", { credentials: basic }] },
  {
    name: "a user name and a password with their type named",
    args: ["acme-basic", { credentials: { ...basic, type: "BASIC" } }],
  },
  { name: "a wrong key", args: ["acme-key", { credentials: { apiKey: "acme_live_wrong00000000" } }] },
  { name: "an empty key", args: ["acme-key", { credentials: { apiKey: "" } }] },
  { name: "a user name without a password", args: ["acme-basic", { credentials: { username: "u" } }] },
  { name: "a password that is null", args: ["acme-basic", { credentials: { username: "u", password: null } }] },
  { name: "a key and a user name", args: ["acme-key", { credentials: { ...apiKey, username: "u", password: "p" } }] },
  { name: "a key for a Basic integration", args: ["acme-basic", { credentials: apiKey }] },
  { name: "an unknown integration", args: ["nobody-knows", { credentials: apiKey }] },
  { name: "an integration id with a blank", args: ["no body", { credentials: apiKey }] },
  {
    name: "parameters, one of them no text",
    args: ["acme-workspace", { credentials: apiKey, params: { workspace: "lovelace", "a b": "ä & =", n: 7 } }],
  },
  {
    name: "the options of OAuth",
    args: ["acme-key", { credentials: apiKey, user_scope: ["a", "b"], detectClosedAuthWindow: true }],
  },
  {
    name: "authorization parameters",
    args: ["acme-key", { credentials: apiKey, authorization_params: { x: "y", z: undefined } }],
  },
  { name: "the end user's id as connection id", args: ["acme-key", "ada", { credentials: apiKey }] },
  { name: "somebody else's id as connection id", args: ["acme-key", "somebody", { credentials: apiKey }] },
  {
    name: "an unknown session",
    config: { connectSessionToken: unknownToken },
    args: ["acme-key", { credentials: apiKey }],
  },
  { name: "a malformed session", config: { connectSessionToken: "what" }, args: ["acme-key", { credentials: apiKey }] },
  {
    name: "a public key",
    config: { publicKey: "6f4cbd75-27f4-4d9e-8b3a-0b1f6d0a1c11" },
    args: ["acme-key", "user-42", { credentials: apiKey, hmac: "00ff" }],
  },
  { name: "no token at all", config: {}, args: ["acme-key", { credentials: apiKey }] },
  { name: "a host that is no address", config: { host: "connect.example", connectSessionToken: "x" }, args: ["a"] },
  { name: "reconnect() without a session", method: "reconnect", config: { publicKey: "x" }, args: ["acme-key"] },
  { name: "reconnect() with a key", method: "reconnect", args: ["acme-key", { credentials: apiKey }] },
  { name: "create()", method: "create", args: ["acme-key"] },
  { name: "create() with parameters", method: "create", args: ["acme-key", { params: { a: "b" } }] },
  { name: "create() with a connection id", method: "create", args: ["acme-key", "user-42"] },
];

/**
 * @param {import("@playwright/test").Page} page
 * @param {"stock" | "keyslot"} name
 * @param {Case} of
 */
async function run(page, name, { config = { connectSessionToken: true }, method = "auth", args }) {
  /** @type {unknown[]} */
  const requests = [];
  const record = (/** @type {import("@playwright/test").Request} */ request) => {
    const url = new URL(request.url());
    if (url.pathname === "/connect-session") return;
    const query = [...url.searchParams].map(([key, value]) => [key, key === "connect_session_token" ? "…" : value]);
    requests.push({
      method: request.method(),
      path: url.pathname,
      query: query.toSorted(),
      type: request.headers()["content-type"],
      body: request.postDataJSON(),
    });
  };
  page.on("request", record);
  const outcome = await page.evaluate(
    ([name, config, method, args]) => /** @type {any} */ (globalThis).run(name, config, method, args),
    /** @type {const} */ ([name, config, method, args]),
  );
  page.off("request", record);
  // The server's own invention, another each time.
  if (outcome.result?.connectionId) outcome.result.connectionId = typeof outcome.result.connectionId;
  return { outcome, requests };
}

test.beforeEach(async ({ page, world }) => {
  await page.goto(world.app.page("nango", { integrationId: "acme-key", mint: { end_user: { id: "ada" } } }));
  await page.waitForFunction(() => "run" in globalThis);
});

for (const one of SAME) {
  test(`the same as the stock package: ${one.name}`, async ({ page }) => {
    const stock = await run(page, "stock", one);
    expect(await run(page, "keyslot", one)).toEqual(stock);
  });
}

test("both connect what they say: the key is the one that the backend reads", async ({ page, world }) => {
  for (const name of ["stock", "keyslot"]) {
    const { result } = await page.evaluate(
      ([name, credentials]) =>
        /** @type {any} */ (globalThis).run(name, { connectSessionToken: true }, "auth", ["acme-key", { credentials }]),
      /** @type {const} */ ([name, apiKey]),
    );
    expect(await world.sdk.getToken("acme-key", result.connectionId)).toEqual({ type: "API_KEY", ...apiKey });
  }
});

test.describe("better on purpose", () => {
  test("an HTML answer rejects with an AuthError that names the status, not a SyntaxError", async ({ page }) => {
    await page.route("**/api-auth/**", (route) =>
      route.fulfill({
        status: 502,
        contentType: "text/html",
        body: "<h1>Bad gateway</h1>",
        headers: { "access-control-allow-origin": "*" },
      }),
    );
    const { outcome } = await run(page, "keyslot", { name: "", args: ["acme-key", { credentials: apiKey }] });
    expect(outcome.error).toMatchObject({ type: "unknown_error", isAuthError: true });
    const stock = await run(page, "stock", { name: "", args: ["acme-key", { credentials: apiKey }] });
    expect(stock.outcome.error.isAuthError).toBe(false);
  });

  test("a request that fails rejects with an AuthError, not a TypeError", async ({ page }) => {
    await page.route("**/api-auth/**", (route) => route.abort());
    const { outcome } = await run(page, "keyslot", { name: "", args: ["acme-key", { credentials: apiKey }] });
    expect(outcome.error).toMatchObject({ type: "network_error", isAuthError: true, hasMessage: true });
  });

  test("a connection id is encoded, so that an & stays in it", async ({ page }) => {
    const one = { name: "", config: { publicKey: "x" }, args: ["acme-key", "a&b=c", { credentials: apiKey }] };
    const { requests } = await run(page, "keyslot", one);
    expect(/** @type {any} */ (requests[0]).query).toContainEqual(["connection_id", "a&b=c"]);
    const stock = await run(page, "stock", one);
    expect(/** @type {any} */ (stock.requests[0]).query).not.toContainEqual(["connection_id", "a&b=c"]);
  });

  test("credentials of another auth mode are refused by name, and nothing is sent", async ({ page }) => {
    for (const options of [
      { credentials: { client_id: "c", client_secret: "s" } },
      { credentials: { ...basic, type: "SIGNATURE" } },
      { credentials: { ...apiKey, type: "TWO_STEP" } },
      { credentials: { ...basic, organization_id: "o", dev_key: "d" } },
      { credentials: { oauth_client_id_override: "c", oauth_client_secret_override: "s" } },
      { credentials: "acme_live_as_a_text" },
      { installation: "outbound" },
    ]) {
      const { outcome, requests } = await run(page, "keyslot", { name: "", args: ["acme-key", options] });
      expect(outcome.error).toMatchObject({ type: "invalid_auth_mode", isAuthError: true, hasMessage: true });
      expect(requests).toEqual([]);
    }
  });
});

test("auth() without credentials opens the dialog", async ({ page, dialog }) => {
  const outcome = run(page, "keyslot", { name: "", args: ["acme-key"] });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome).outcome.result).toMatchObject({ providerConfigKey: "acme-key" });
});

test("clear() closes the dialog, and the error is an AuthError of this package too", async ({ page, dialog }) => {
  const outcome = run(page, "keyslot", { name: "", args: ["acme-key"] });
  await expect(dialog.field("apiKey")).toBeFocused();
  await page.evaluate(() => {
    const Nango = /** @type {any} */ (globalThis).packages.keyslot.default;
    new Nango({ connectSessionToken: "x" }).clear();
  });
  expect((await outcome).outcome.error).toMatchObject({ type: "window_closed", isAuthError: true });
});

test.describe("openConnectUI()", () => {
  /**
   * @param {import("@playwright/test").Page} page
   * @param {string[] | undefined} allowed
   * @param {{ later?: boolean, token?: string, props?: Record<string, unknown> }} [options]
   */
  async function openConnectUI(page, allowed, options = {}) {
    await page.evaluate(async ([allowed, { later, token, props }]) => {
      const { packages, mintSession } = /** @type {any} */ (globalThis);
      const { host } = JSON.parse(new URLSearchParams(location.search).get("task") ?? "");
      const minted = token ?? (await mintSession({ tags: {}, allowed_integrations: allowed }));
      /** @type {unknown[]} */
      const events = [];
      const nango = new packages.keyslot.default({ host });
      const ui = nango.openConnectUI({
        sessionToken: later ? undefined : minted,
        onEvent: (/** @type {unknown} */ event) => events.push(event),
        ...props,
      });
      Object.assign(globalThis, { ui, events, minted });
    }, /** @type {const} */ ([allowed, options]));
  }
  /** @param {import("@playwright/test").Page} page */
  const events = (page) => page.evaluate(() => /** @type {any} */ (globalThis).events);
  /** @param {import("@playwright/test").Page} page */
  const list = (page) => page.locator("[data-keyslot-list]");

  test("one integration: ready, connect, close; no list is shown", async ({ page, dialog, world }) => {
    await openConnectUI(page, ["acme-key"]);
    await dialog.field("apiKey").fill(ACCEPTED.apiKey);
    await expect(list(page)).toHaveCount(0);
    await dialog.submit.click();
    await expect(dialog.success).toBeVisible();
    await page.keyboard.press("Escape");
    await expect.poll(async () => (await events(page)).length).toBe(3);
    const [ready, connect, close] = await events(page);
    expect([ready, close]).toEqual([{ type: "ready" }, { type: "close" }]);
    expect(connect).toEqual({
      type: "connect",
      payload: {
        providerConfigKey: "acme-key",
        connectionId: /** @type {any} */ (expect.any(String)),
        verification: { status: "verified", account: "Acme Ltd" },
      },
    });
    const connection = await world.sdk.getConnection("acme-key", connect.payload.connectionId);
    expect(connection.credentials).toMatchObject(apiKey);
  });

  test("a refused key: an error event, and the dialog goes on", async ({ page, dialog }) => {
    await openConnectUI(page, ["acme-key"]);
    await dialog.field("apiKey").fill("acme_live_wrong00000000");
    await dialog.submit.click();
    await expect(dialog.error).toBeVisible();
    expect(await events(page)).toEqual([
      { type: "ready" },
      {
        type: "error",
        payload: {
          errorType: "connection_test_failed",
          errorMessage: "The provider did not accept the credential.",
        },
      },
    ]);
    await page.keyboard.press("Escape");
    await expect.poll(async () => (await events(page)).at(-1)).toEqual({ type: "close" });
  });

  test("several integrations: a list, back to it with Escape, and the chosen one connects", async ({
    page,
    dialog,
  }) => {
    await openConnectUI(page, ["acme-key", "acme-basic"]);
    const choice = page.getByRole("button", { name: "Acme Desk" });
    await expect(page.getByRole("button", { name: "Acme Mail" })).toBeFocused();
    await choice.click();
    await expect(dialog.field("username")).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(dialog.host).toHaveCount(0);
    await expect(choice).toBeFocused();
    await choice.click();
    await dialog.field("username").fill(ACCEPTED.username);
    await dialog.field("password").fill(ACCEPTED.password);
    await dialog.submit.click();
    await expect(dialog.success).toBeVisible();
    await expect(list(page)).toHaveCount(0);
    expect((await events(page)).map((/** @type {any} */ event) => event.type)).toEqual(["ready", "connect"]);
  });

  test("Escape on the list closes it: a close event, and the focus is where it was", async ({ page }) => {
    await page.getByRole("button", { name: "Connect", exact: true }).focus();
    await openConnectUI(page, ["acme-key", "acme-basic"]);
    await expect(page.getByRole("button", { name: "Acme Mail" })).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(list(page)).toHaveCount(0);
    await expect(page.getByRole("button", { name: "Connect", exact: true })).toBeFocused();
    expect(await events(page)).toEqual([{ type: "ready" }, { type: "close" }]);
  });

  test("without a token of its own it takes the constructor's, as the stock package does", async ({ page, dialog }) => {
    await page.evaluate(async () => {
      const { packages, mintSession } = /** @type {any} */ (globalThis);
      const { host } = JSON.parse(new URLSearchParams(location.search).get("task") ?? "");
      const connectSessionToken = await mintSession({ tags: {}, allowed_integrations: ["acme-key"] });
      new packages.keyslot.default({ host, connectSessionToken }).openConnectUI({});
    });
    await expect(dialog.field("apiKey")).toBeFocused();
  });

  test("the token may come later, and open() twice opens once", async ({ page, dialog }) => {
    await openConnectUI(page, ["acme-key"], { later: true });
    await expect(list(page)).toContainText("Loading");
    await page.evaluate(() => /** @type {any} */ (globalThis).ui.open());
    await expect(list(page)).toHaveCount(1);
    await page.evaluate(() => {
      const { ui, minted } = /** @type {any} */ (globalThis);
      ui.setSessionToken(minted);
    });
    await expect(dialog.field("apiKey")).toBeFocused();
    await page.evaluate(() => /** @type {any} */ (globalThis).ui.open());
    await expect(list(page)).toHaveCount(0);
    await expect(dialog.host).toHaveCount(1);
  });

  test("close() takes all of it away without an event, and open() opens it again", async ({ page, dialog }) => {
    await openConnectUI(page, ["acme-key"]);
    await expect(dialog.field("apiKey")).toBeFocused();
    await page.evaluate(() => /** @type {any} */ (globalThis).ui.close());
    await expect(dialog.host).toHaveCount(0);
    await expect(list(page)).toHaveCount(0);
    expect(await events(page)).toEqual([{ type: "ready" }]);
    await page.evaluate(() => /** @type {any} */ (globalThis).ui.open());
    await expect(dialog.field("apiKey")).toBeFocused();
  });

  test("a session that has ended: an error event, and words for the person", async ({ page }) => {
    await openConnectUI(page, undefined, { token: unknownToken });
    await expect(page.getByRole("alert")).toContainText("open for too long");
    expect((await events(page)).at(-1)).toMatchObject({
      type: "error",
      payload: { errorType: "connect_session_expired" },
    });
  });

  test("a server out of reach: words, and trying again", async ({ page, dialog }) => {
    await page.route("**/connect/session", (route) => route.abort(), { times: 1 });
    await openConnectUI(page, ["acme-key"]);
    await expect(page.getByRole("alert")).toContainText("could not be reached");
    expect((await events(page)).at(-1)).toMatchObject({ type: "error", payload: { errorType: "network_error" } });
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(dialog.field("apiKey")).toBeFocused();
  });

  test("in another language: the list and the dialog after it, with one file fetched", async ({ page, dialog }) => {
    const words = await wordsOf("he");
    /** @type {string[]} */
    const files = [];
    page.on("request", (request) => {
      const name = new URL(request.url()).pathname.match(/\/locales\/(.+)\.js$/)?.[1];
      if (name) files.push(name);
    });
    await openConnectUI(page, ["acme-key", "acme-basic"], { props: { lang: "he-IL" } });
    const root = page.getByRole("dialog", { name: words.title_plain });
    await expect(root).toHaveAttribute("lang", "he");
    await expect(root).toHaveAttribute("dir", "rtl");
    await expect(root.getByRole("button", { name: words.close })).toBeVisible();
    await root.getByRole("button", { name: "Acme Mail" }).click();
    await expect(dialog.submit).toHaveText(words.submit ?? "");
    await expect(page.getByRole("dialog", { name: words.title?.replace("{provider}", "Acme Mail") })).toBeVisible();
    expect(files).toEqual(["he"]);
  });

  test("in another language: what went wrong, and trying again", async ({ page, dialog }) => {
    const words = await wordsOf("de");
    await page.evaluate(() => (document.documentElement.lang = "de-CH"));
    await page.route("**/connect/session", (route) => route.abort(), { times: 1 });
    await openConnectUI(page, ["acme-key"]);
    await expect(page.getByRole("alert")).toHaveText(words.network ?? "");
    await page.getByRole("button", { name: words.retry }).click();
    await expect(dialog.submit).toHaveText(words.submit ?? "");
  });

  test("a language that does not arrive: the list is English, and lists", async ({ page }) => {
    await page.route("**/locales/*.js", (route) => route.abort());
    await openConnectUI(page, ["acme-key", "acme-basic"], { props: { lang: "fr" } });
    const root = page.getByRole("dialog", { name: "Connect your account" });
    await expect(root).toHaveAttribute("lang", "en");
    await expect(root.getByRole("button", { name: "Acme Mail" })).toBeFocused();
  });

  test("a language that takes its time: nothing is said in another before it comes", async ({ page }) => {
    const words = await wordsOf("ja");
    /** @type {() => void} */
    let send = () => {};
    const sent = new Promise((resolve) => (send = () => resolve(undefined)));
    await page.route("**/locales/ja.js", async (route) => {
      await sent;
      await route.continue();
    });
    await openConnectUI(page, ["acme-key", "acme-basic"], { props: { lang: "ja" } });
    await expect(list(page).getByRole("dialog")).toBeVisible();
    await expect(list(page)).toHaveText("×");
    send();
    await expect(list(page).getByRole("heading")).toHaveText(words.title_plain ?? "");
    await expect(list(page).getByRole("button", { name: "Acme Mail" })).toBeFocused();
  });

  test("the list removed by the page: open() opens it again", async ({ page }) => {
    await openConnectUI(page, ["acme-key", "acme-basic"]);
    await expect(page.getByRole("button", { name: "Acme Mail" })).toBeFocused();
    await page.evaluate(() => document.querySelector("[data-keyslot-list]")?.remove());
    await page.evaluate(() => /** @type {any} */ (globalThis).ui.open());
    await expect(page.getByRole("button", { name: "Acme Mail" })).toBeFocused();
    await expect(list(page)).toHaveCount(1);
  });
});
