// `npm start`'s page, used as a newcomer does: the dev server, its demo API, the documented demo keys.
import { expect, test as base } from "@playwright/test";
import { Dialog } from "./fixtures.mjs";
import { startServer } from "./keyslot-server.mjs";

/**
 * @type {import("@playwright/test").Fixtures<{ dialog: Dialog, demo: void },
 *   { server: import("./keyslot-server.mjs").RunningServer },
 *   import("@playwright/test").PlaywrightTestArgs & import("@playwright/test").PlaywrightTestOptions,
 *   import("@playwright/test").PlaywrightWorkerArgs & import("@playwright/test").PlaywrightWorkerOptions>}
 */
const fixtures = {
  server: [
    async ({}, use) => {
      const server = await startServer({ dev: true });
      await use(server);
      await server.stop();
      server.remove();
    },
    { scope: "worker" },
  ],
  dialog: async ({ page }, use) => use(new Dialog(page)),
  demo: [
    async ({ page, server }, use) => {
      await page.goto(`${server.url}/demo/`);
      await use();
    },
    { auto: true },
  ],
};
const test = base.extend(fixtures);

/** The value beside a label in "Keys to try". @param {import("@playwright/test").Page} page @param {string} label */
const demoKey = async (page, label) =>
  (await page.locator(`#keys dt:has-text("${label}") + dd code`).textContent()) ?? "";

test("the demo key connects, and the page shows what the backend reads, masked", async ({ page, dialog }) => {
  const key = await demoKey(page, "Works");
  await page.getByRole("button", { name: "Connect Demo API" }).click();
  await dialog.field("apiKey").fill(key);
  await dialog.submit.click();
  await expect(page.locator('[data-integration="demo"] .state')).toContainText("Connected");
  const answer = page.locator("#panel-json");
  await expect(answer).toContainText('"provider_config_key": "demo"');
  await expect(answer).toContainText("•");
  expect(await answer.textContent()).not.toContain(key);
  await expect(page.getByRole("tab", { name: "curl" })).toBeVisible();
  await page.getByRole("tab", { name: "curl" }).click();
  await expect(page.locator("#panel-curl")).toContainText("/connections/user-42?provider_config_key=demo");
  await page.reload();
  await expect(page.locator('[data-integration="demo"] .state')).toContainText("Connected");
});

test("the demo user name and password connect", async ({ page, dialog }) => {
  await page.getByRole("button", { name: "Connect Demo Basic API" }).click();
  await dialog.field("username").fill(await demoKey(page, "User name"));
  await dialog.field("password").fill(await demoKey(page, "Password"));
  await dialog.submit.click();
  await expect(page.locator('[data-integration="demo-basic"] .state')).toContainText("Connected");
});

for (const label of ["May not read the account", "The demo API is down", "Is refused"]) {
  test(`the key "${label}" gets the dialog's own error and keeps the text`, async ({ page, dialog }) => {
    const key = await demoKey(page, label);
    await page.locator('[data-integration="demo"] .connect').click();
    await dialog.field("apiKey").fill(key);
    await dialog.submit.click();
    await expect(dialog.error).toBeVisible();
    await expect(dialog.field("apiKey")).toHaveValue(key);
    await page.keyboard.press("Escape");
    await expect(dialog.host).toHaveCount(0);
  });
}

test("a pointer over the button fetches the form, and the click nothing more", async ({ page, dialog }) => {
  const button = page.locator('[data-integration="demo"] .connect');
  const form = page.waitForResponse((response) => response.url().endsWith("/connect/session"));
  await button.hover();
  await (await form).finished();
  /** @type {string[]} */
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await button.click();
  await expect(dialog.field("apiKey")).toBeFocused();
  expect(requests).toEqual([]);
});

test("the page has no script or style of its own inside the HTML, and makes no request elsewhere", async ({
  page,
  server,
}) => {
  /** @type {string[]} */
  const elsewhere = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(server.url)) elsewhere.push(request.url());
  });
  await page.reload();
  await expect(page.getByRole("button", { name: /Connect/ }).first()).toBeVisible();
  expect(elsewhere).toEqual([]);
  expect(await page.locator("script:not([src]), style, [style]").count()).toBe(0);
});

test("the page and its dialog change language, direction and theme, and remember it", async ({ page, dialog }) => {
  await page.getByLabel("Language").selectOption("ar");
  await expect(page.locator("html")).toHaveAttribute("dir", "rtl");
  await expect(page.getByRole("heading", { name: "عمليات الربط", level: 1 })).toBeVisible();
  await page.getByLabel("المظهر").selectOption("dark");
  await expect(page.locator("body")).toHaveCSS("color-scheme", "dark");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("lang", "ar");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.getByRole("button", { name: "ربط OpenAI" }).click();
  await expect(dialog.root).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.locator('[data-integration="openai"] .state')).toHaveText("أُغلق دون ربط");
  await page.setViewportSize({ width: 390, height: 844 });
  await page.locator('[data-integration="demo"] .connect').click();
  await dialog.field("apiKey").fill("demo_live_4cK7pQ2mX9");
  await dialog.submit.click();
  await expect(page.locator("#backend")).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  // No text of the page is left in the other language.
  const english = await page.evaluate(() => document.querySelector("main")?.textContent ?? "");
  expect(english).not.toMatch(/Connect the tools|Keys to try|made-up/);
});

test("the page leads to the dashboard of this server, which is open here and says so", async ({ page }) => {
  await page.getByRole("link", { name: "Open the dashboard of this server" }).click();
  await expect(page.getByRole("heading", { name: "Integrations" })).toBeVisible();
  await expect(page.getByRole("note")).toContainText("Development: open without a password");
  await expect(page.getByRole("button", { name: "Sign out" })).toHaveCount(0);
  await page.getByRole("link", { name: "Stripe" }).click();
  await expect(page.getByRole("button", { name: "Auth" })).toBeVisible();
});

test("opening the page reads no credential and leaves nothing in the console", async ({ page }) => {
  /** @type {string[]} */
  const seen = [];
  page.on("console", (message) => seen.push(message.text()));
  page.on("request", (request) => seen.push(new URL(request.url()).pathname));
  await page.reload({ waitUntil: "networkidle" });
  expect(seen).toContain("/demo/connections");
  expect(seen.filter((one) => !one.startsWith("/"))).toEqual([]);
  expect(seen).not.toContain("/demo/connection");
});
