// What a script of the page has put on `Object.prototype`, by accident or by way of a hole elsewhere, is no
// option of a call and no part of an answer.
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

/** An address where nothing of ours may arrive. */
const ELSEWHERE = "http://127.0.0.1:9";

/** Each option, as somebody would set it who wants the key or the token, or the dialog out of the way. */
const POLLUTION = {
  host: ELSEWHERE,
  session: "nango_connect_session_of_somebody_else",
  publicKey: "6f4cbd75-27f4-4d9e-8b3a-0b1f6d0a1c11",
  hmac: "00ff",
  credentials: { apiKey: "acme_live_of_somebody_else" },
  params: { note: "of somebody else" },
  signal: 7,
  timeout: -1,
  theme: { logo: `${ELSEWHERE}/logo.png` },
  strings: { submit: "Of somebody else" },
  words: { close: "Of somebody else" },
  locale: "de",
  onEvent: "no function",
  keepDraft: "x",
  // Of the options that are objects.
  logo: `${ELSEWHERE}/logo.png`,
  apiKey: "acme_live_of_somebody_else",
  // Of requests.
  method: "PUT",
  mode: "no-cors",
  redirect: "follow",
  integrity: "sha256-00",
  keepalive: true,
  referrer: `${ELSEWHERE}/`,
  // Of answers.
  data: { allowed_integrations: ["other"] },
  error: { code: "of_somebody_else" },
  verification: { status: "verified", account: "of somebody else" },
  forms: {},
  apiURL: ELSEWHERE,
  connectSessionToken: "of somebody else",
};

/**
 * @param {import("@playwright/test").Page} page
 * @returns {Promise<string[]>} of the requests that went elsewhere
 */
async function pollute(page) {
  /** @type {string[]} */
  const strays = [];
  page.on("request", (request) => {
    if (request.url().startsWith(ELSEWHERE)) strays.push(request.url());
  });
  await page.evaluate((members) => {
    for (const [name, value] of Object.entries(members)) /** @type {any} */ (Object.prototype)[name] = value;
  }, POLLUTION);
  return strays;
}

/** @param {import("@playwright/test").Page} page */
const clean = (page) =>
  page.evaluate((names) => {
    for (const name of names) delete (/** @type {any} */ (Object.prototype)[name]);
  }, Object.keys(POLLUTION));

for (const kind of ["module", "external"]) {
  test(`${kind}: Object.prototype decides nothing of a call with a dialog`, async ({
    page,
    world,
    dialog,
    connectionId,
  }) => {
    await page.goto(world.app.page(kind, { integrationId: "acme-key" }));
    await page.waitForFunction(() => "keyslot" in globalThis);
    const { data } = await world.sdk.createConnectSession({ end_user: { id: connectionId } });
    const strays = await pollute(page);
    const call = page.evaluate(
      ([host, session, id]) =>
        /** @type {any} */ (globalThis).keyslot.auth("acme-key", id, { host, session, theme: { mode: "light" } }).then(
          (/** @type {any} */ result) => ({ id: result.connectionId, own: Object.keys(result).sort() }),
          (/** @type {any} */ error) => ({ code: error.code, message: error.message }),
        ),
      /** @type {const} */ ([world.server.url, data.token, connectionId]),
    );
    // The browser's own parts would fail on such a page: the dialog is looked at without.
    await page.waitForFunction(() => document.querySelector("[data-keyslot]"));
    await page.waitForTimeout(500);
    await clean(page);
    await expect(dialog.submit).toHaveText("Connect");
    await expect(dialog.close).toHaveAccessibleName("Close");
    await expect(dialog.root.locator("img")).toHaveCount(0);
    await dialog.field("apiKey").fill(ACCEPTED.apiKey);
    await dialog.submit.click();
    expect(await call).toEqual({ id: connectionId, own: ["connectionId", "providerConfigKey", "verification"] });
    expect((await world.sdk.getConnection("acme-key", connectionId)).connection_config).toEqual({});
    expect(strays).toEqual([]);
  });
}

test("Object.prototype decides nothing of a headless call, of either entry", async ({ page, world, connectionId }) => {
  await page.goto(world.app.page("nango", { integrationId: "acme-key" }));
  await page.waitForFunction(() => "packages" in globalThis);
  const tokens = [];
  for (let count = 0; count < 2; count += 1)
    tokens.push((await world.sdk.createConnectSession({ end_user: { id: connectionId } })).data.token);
  const strays = await pollute(page);
  const outcome = await page.evaluate(async ([host, tokens, id, apiKey]) => {
    const credentials = { apiKey };
    const { default: Nango } = /** @type {any} */ (globalThis).packages.keyslot;
    const first = await new Nango({ host, connectSessionToken: tokens[0] }).auth("acme-key", { credentials });
    const { auth } = await import("/assets/index.js");
    const second = await auth("acme-key", id, { host, session: tokens[1], credentials });
    return [typeof first.connectionId, second.connectionId];
  }, /** @type {const} */ ([world.server.url, tokens, connectionId, ACCEPTED.apiKey]));
  expect(outcome).toEqual(["string", connectionId]);
  expect((await world.sdk.getConnection("acme-key", connectionId)).credentials).toMatchObject({
    apiKey: ACCEPTED.apiKey,
  });
  expect(strays).toEqual([]);
});
