// Everybody can use the dashboard and the connect page: axe on every page, light and dark, wide and
// narrow; the keyboard alone; nothing scrolls sideways.
import AxeBuilder from "@axe-core/playwright";
import { expect, test as base } from "@playwright/test";
import { Dialog } from "./fixtures.mjs";
import { startServer } from "./keyslot-server.mjs";

const PASSWORD = "a password of the operators";
const KEY = "demo_live_4cK7pQ2mX9";

/**
 * @type {import("@playwright/test").Fixtures<{}, { server: import("./keyslot-server.mjs").RunningServer },
 *   import("@playwright/test").PlaywrightTestArgs & import("@playwright/test").PlaywrightTestOptions,
 *   import("@playwright/test").PlaywrightWorkerArgs & import("@playwright/test").PlaywrightWorkerOptions>}
 */
const fixtures = {
  server: [
    async ({}, use) => {
      const server = await startServer({ dev: true, adminPassword: PASSWORD });
      for (const [id, extra] of /** @type {[string, object][]} */ ([
        ["user-1", {}],
        [
          "user-2",
          { metadata: { plan: "pro" }, end_user: { id: "u2", display_name: "Ada", email: "ada@acme.example" } },
        ],
      ])) {
        const answer = await fetch(`${server.url}/connections`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${server.secretKey}` },
          body: JSON.stringify({
            provider_config_key: "demo",
            connection_id: id,
            credentials: { type: "API_KEY", apiKey: KEY },
            ...extra,
          }),
        });
        expect(answer.status).toBe(201);
      }
      await use(server);
      await server.stop();
      server.remove();
    },
    { scope: "worker" },
  ],
};
const test = base.extend(fixtures);

/** @param {import("@playwright/test").Page} page @param {string} address */
async function signIn(page, address) {
  await page.goto(address);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** @param {import("@playwright/test").Page} page */
async function check(page) {
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  expect(found, page.url()).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide, `${page.url()} scrolls sideways`).toBe(0);
}

const PAGES = [
  "dev/integrations",
  "dev/integrations?search=nothing-of-that-name",
  "prod/integrations",
  "dev/integrations/new?category=crm",
  "dev/integrations/new?search=nothing-of-that-name",
  "dev/integrations/new?provider=freshdesk",
  "dev/integrations/new?provider=private-api-bearer",
  "dev/integration?key=demo",
  "dev/integration?key=openai&notice=made",
  "dev/integration/add?key=demo",
  "dev/integration/settings?key=demo",
  "dev/invite?integration=demo",
  "dev/connections",
  "prod/connections",
  "dev/connection?integration=demo&id=user-2&notice=connected",
  "dev/activity",
  "prod/activity",
  "dev/settings",
  "dev/webhooks",
  "dev/webhooks?status=failed",
  "dev/nothing",
];

for (const [colorScheme, width] of /** @type {["light" | "dark", number][]} */ ([
  ["light", 1280],
  ["dark", 390],
])) {
  test(`axe finds nothing on any page, ${colorScheme}, ${width} px`, async ({ page, server }) => {
    test.setTimeout(120_000);
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 844 });
    await page.goto(`${server.url}/dashboard`);
    await check(page);
    await page.getByLabel("Password").fill("a wrong password");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("alert")).toBeVisible();
    await check(page);
    await signIn(page, `${server.url}/dashboard`);
    for (const address of PAGES) {
      await page.goto(`${server.url}/dashboard/${address}`);
      for (const summary of await page.locator("summary").all()) await summary.click();
      await check(page);
    }
    await page.goto(`${server.url}/dashboard/dev/connection?integration=demo&id=user-1`);
    await page.getByRole("button", { name: "Reveal" }).click();
    await check(page);
    await page.goto(`${server.url}/dashboard/dev/integrations/new?provider=private-api-bearer`);
    await page.getByLabel("Base URL").fill("nonsense");
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.locator("[aria-invalid=true]")).toHaveCount(1);
    await check(page);
    await page.goto(`${server.url}/dashboard/dev/invite?integration=demo`);
    await page.getByRole("button", { name: "Make the link" }).click();
    const link = await page.getByLabel("Link").inputValue();
    await check(page);
    await page.goto(link);
    const dialog = new Dialog(page);
    await expect(dialog.root).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(dialog.host).toHaveCount(0);
    await check(page);
    await page.getByRole("button", { name: "Connect" }).click();
    await dialog.field("apiKey").fill(KEY);
    await dialog.submit.click();
    await expect(page.getByRole("heading", { name: "Done" })).toBeVisible();
    await expect(dialog.host).toHaveCount(0);
    await check(page);
    await page.goto(link);
    await check(page);
  });
}

test("the keyboard alone makes an integration and connects a key", async ({ page, server }) => {
  const press = page.keyboard;
  /** Tab until this is focused. @param {import("@playwright/test").Locator} goal */
  const reach = async (goal) => {
    for (let step = 0; step < 60; step += 1) {
      if (await goal.evaluate((element) => element.matches(":focus"))) return;
      await press.press("Tab");
    }
    throw new Error("it cannot be reached with the Tab key");
  };
  await page.goto(`${server.url}/dashboard`);
  await press.type(PASSWORD);
  await press.press("Enter");
  await reach(page.getByRole("link", { name: "Skip to the content" }));
  await press.press("Enter");
  await press.press("Tab");
  await expect(page.getByRole("link", { name: "New integration" })).toBeFocused();
  await press.press("Enter");
  await reach(page.getByRole("searchbox"));
  await press.type("keyslot-demo-basic");
  await reach(page.getByRole("link", { name: "Demo Basic API" }));
  await press.press("Enter");
  await reach(page.getByLabel("Integration ID"));
  await press.press("Control+A");
  await press.type("by-keyboard");
  await press.press("Enter");
  await reach(page.getByRole("button", { name: "Auth" }));
  await press.press("Enter");
  const dialog = new Dialog(page);
  await expect(dialog.field("username")).toBeFocused();
  await press.type("ada@acme.example");
  await reach(dialog.field("password"));
  await press.type("correct-horse");
  await press.press("Enter");
  await expect(page.getByText("The key was checked and is stored.")).toBeVisible();
});

test("a badge of any state is one line high", async ({ page, server }) => {
  await signIn(page, `${server.url}/dashboard/dev/connections`);
  for (const tone of ["good", "bad", "plain"]) {
    const height = await page
      .locator(".badge")
      .first()
      .evaluate((badge, name) => {
        badge.setAttribute("class", `badge ${name}`);
        return badge.getBoundingClientRect().height;
      }, tone);
    expect(height, tone).toBeLessThan(40);
  }
});
