// Every state that the dialog can be seen in, and the way there: for the access tests and for the
// pictures of `npm run screenshots`. Nothing is asserted here.
import { ACCEPTED, DOWN, HANGING, LIMITED } from "./provider-api.mjs";

/**
 * @typedef {object} Scene
 * @property {import("@playwright/test").Page} page
 * @property {import("./fixtures.mjs").Dialog} dialog
 * @property {import("./fixtures.mjs").World} world
 */
/**
 * @typedef {object} State
 * @property {string} name
 * @property {import("./customer-app.mjs").Task} task
 * @property {(scene: Scene) => Promise<unknown>} [before] what has to be so before the dialog opens
 * @property {(scene: Scene) => Promise<unknown>} reach from the opened dialog to the state
 */

const KEY = { integrationId: "acme-key" };
const BASIC = { integrationId: "acme-basic" };
const CLOUD = { integrationId: "acme-cloud" };
const WRONG = "acme_live_wrong00000000";

/**
 * Answers the posts of the form instead of the server.
 * @param {Parameters<import("@playwright/test").Route["fulfill"]>[0] | "abort"} answer
 */
const posts =
  (answer) =>
  (/** @type {Scene} */ { page, world }) =>
    page.route(`${world.server.url}/api-auth/**`, (route) => {
      if (route.request().method() !== "POST") return route.continue();
      return answer === "abort" ? route.abort() : route.fulfill(answer);
    });

/** @param {unknown} body @param {number} status */
const json = (status, body) => ({
  status,
  contentType: "application/json",
  headers: { "access-control-allow-origin": "*", "x-request-id": "req_0123456789" },
  body: JSON.stringify(body),
});

/** @param {string} key */
const send =
  (key) =>
  async (/** @type {Scene} */ { dialog }) => {
    await dialog.field("apiKey").fill(key);
    await dialog.submit.click();
    await dialog.error.locator("> *").waitFor();
  };

/** @param {string} name @param {string} value */
const leave =
  (name, value) =>
  async (/** @type {Scene} */ { dialog }) => {
    await dialog.field(name).fill(value);
    await dialog.field(name).blur();
    await dialog.note.first().waitFor();
  };

/**
 * A paste, as a person makes it.
 * @param {import("@playwright/test").Locator} field
 * @param {string} text
 */
export async function paste(field, text) {
  const page = field.page();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await field.focus();
  await page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
  await page.keyboard.press("Control+V");
}

/** @type {State[]} */
export const STATES = [
  {
    name: "loading",
    task: KEY,
    before: ({ page, world }) => page.route(`${world.server.url}/connect/session`, () => {}),
    reach: ({ dialog }) => dialog.root.waitFor(),
  },
  {
    name: "loading-failed",
    task: KEY,
    before: ({ page, world }) =>
      page.route(`${world.server.url}/connect/session`, (route) =>
        route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" }),
      ),
    reach: ({ dialog }) => dialog.error.locator("> *").waitFor(),
  },
  { name: "key", task: KEY, reach: ({ dialog }) => dialog.field("apiKey").waitFor() },
  { name: "basic", task: BASIC, reach: ({ dialog }) => dialog.field("password").waitFor() },
  {
    name: "every-field",
    task: CLOUD,
    reach: async ({ dialog }) => {
      await dialog.field("project").waitFor();
      await dialog.root.locator("summary:visible").click();
    },
  },
  {
    name: "nothing-to-fill",
    task: { integrationId: "acme-open" },
    reach: ({ dialog }) => dialog.root.locator("[part~=help]").waitFor(),
  },
  {
    name: "shown",
    task: KEY,
    reach: async ({ dialog }) => {
      await dialog.field("apiKey").fill(ACCEPTED.apiKey);
      await dialog.root.locator("[part~=toggle]").click();
    },
  },
  {
    name: "empty",
    task: BASIC,
    reach: async ({ dialog }) => {
      await dialog.field("password").waitFor();
      await dialog.submit.click();
    },
  },
  {
    name: "no-host",
    task: CLOUD,
    reach: async ({ dialog }) => {
      await dialog.field("subdomain").fill("acme corp");
      await dialog.field("apiKey").fill(ACCEPTED.apiKey);
      await dialog.submit.click();
    },
  },
  {
    name: "notice-other-vendor",
    task: KEY,
    reach: async ({ dialog }) => {
      await paste(dialog.field("apiKey"), "nvapi-0000111122223333444455556666");
      await dialog.note.waitFor();
    },
  },
  { name: "notice-wrong-kind", task: CLOUD, reach: leave("apiKey", "acme_pub_0000111122223333") },
  { name: "notice-pattern", task: { integrationId: "acme-workspace" }, reach: leave("workspace", "Acme_Spaces") },
  {
    name: "repaired",
    task: KEY,
    reach: async ({ dialog }) => {
      await paste(dialog.field("apiKey"), `Authorization: Bearer  ${ACCEPTED.apiKey}\n`);
      await dialog.note.waitFor();
    },
  },
  {
    name: "offered",
    task: BASIC,
    reach: async ({ dialog }) => {
      await paste(dialog.field("password"), `"${ACCEPTED.password}"`);
      await dialog.note.waitFor();
    },
  },
  {
    name: "split",
    task: BASIC,
    reach: async ({ dialog }) => {
      await paste(dialog.field("username"), "ada:correct-horse-battery");
      await dialog.note.waitFor();
    },
  },
  {
    name: "submitting",
    task: KEY,
    reach: async ({ dialog, world }) => {
      const asked = world.provider.waiting();
      await dialog.field("apiKey").fill(HANGING);
      await dialog.submit.click();
      await asked;
    },
  },
  { name: "refused", task: KEY, reach: send(WRONG) },
  { name: "forbidden", task: KEY, reach: send(LIMITED) },
  { name: "unavailable", task: KEY, reach: send(DOWN) },
  { name: "unavailable-save", task: { ...KEY, mint: { tags: {}, allow_unverified: true } }, reach: send(DOWN) },
  {
    name: "address",
    task: CLOUD,
    reach: async (scene) => {
      await scene.dialog.field("subdomain").fill("acme");
      await send(ACCEPTED.apiKey)(scene);
    },
  },
  {
    name: "invalid",
    task: KEY,
    before: posts(
      json(400, {
        error: {
          code: "invalid_body",
          message: "Not valid.",
          errors: [{ path: ["apiKey"], message: "Keys of this workspace are longer.", code: "custom" }],
        },
      }),
    ),
    reach: async ({ dialog }) => {
      await dialog.field("apiKey").fill(ACCEPTED.apiKey);
      await dialog.submit.click();
      await dialog.root.locator("[part~=fault]").waitFor();
    },
  },
  {
    name: "server",
    task: KEY,
    before: posts(json(500, { error: { code: "server_error", message: "Oops." } })),
    reach: send(WRONG),
  },
  {
    name: "limited",
    task: KEY,
    before: posts(json(429, { error: { code: "too_many_request", message: "Slow down." } })),
    reach: send(WRONG),
  },
  {
    name: "limited-until",
    task: KEY,
    before: posts({
      ...json(429, { error: { code: "too_many_request", message: "Slow down." } }),
      headers: { "access-control-allow-origin": "*", "access-control-expose-headers": "*", "retry-after": "89" },
    }),
    reach: send(WRONG),
  },
  {
    name: "refused-again",
    task: KEY,
    reach: async (scene) => {
      await send(WRONG)(scene);
      await scene.page.keyboard.press("Escape");
      await scene.dialog.host.waitFor({ state: "detached" });
      await scene.page.locator("#connect").click();
      await scene.dialog.error.locator("> *").waitFor();
    },
  },
  { name: "network", task: KEY, before: posts("abort"), reach: send(WRONG) },
  { name: "timeout", task: { ...KEY, options: { timeout: 1500 } }, reach: send(HANGING) },
  {
    name: "offline",
    task: KEY,
    reach: async (scene) => {
      await scene.dialog.field("apiKey").waitFor();
      await scene.page.context().setOffline(true);
      await send(WRONG)(scene);
    },
  },
  {
    name: "expired",
    task: { ...KEY, sessionAsText: true },
    reach: async (scene) => {
      const { dialog, world } = scene;
      await dialog.field("apiKey").waitFor();
      await fetch(`${world.server.url}/connect/session`, {
        method: "DELETE",
        headers: { authorization: `Bearer ${world.app.tokens.at(-1)}` },
      });
      await send(WRONG)(scene);
    },
  },
  {
    name: "success",
    task: KEY,
    before: stays,
    reach: async ({ dialog }) => {
      await dialog.field("apiKey").fill(ACCEPTED.apiKey);
      await dialog.submit.click();
      await dialog.success.waitFor();
    },
  },
  {
    name: "success-unchecked",
    task: { ...KEY, mint: { tags: {}, allow_unverified: true } },
    before: stays,
    reach: async (scene) => {
      await send(DOWN)(scene);
      await scene.dialog.root.locator("[part~=unchecked]").click();
      await scene.dialog.success.waitFor();
    },
  },
  {
    name: "success-no-check",
    task: KEY,
    before: async (scene) => {
      await stays(scene);
      await posts(
        json(200, { connectionId: "c", providerConfigKey: "acme-key", verification: { status: "unchecked" } }),
      )(scene);
    },
    reach: async ({ dialog }) => {
      await dialog.field("apiKey").fill(ACCEPTED.apiKey);
      await dialog.submit.click();
      await dialog.success.waitFor();
    },
  },
];

/** The confirmation goes away by itself after some seconds; here it is held for as long as it is looked at. */
async function stays(/** @type {Scene} */ { page }) {
  await page.addInitScript(() => {
    const real = globalThis.setTimeout;
    globalThis.setTimeout = /** @type {any} */ (
      (/** @type {() => void} */ run, /** @type {number} */ delay, /** @type {unknown[]} */ ...rest) =>
        real(run, delay > 1_000 && delay < 5_000 ? 3_600_000 : delay, ...rest)
    );
  });
}
