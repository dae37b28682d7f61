// Everybody can use the dashboard and the connect page: axe on every page, light and dark, wide and
// narrow; the keyboard alone; nothing scrolls sideways.
import AxeBuilder from "@axe-core/playwright";
import { expect, test as base } from "@playwright/test";
import { DASHBOARD_STATES, PASSWORD, signIn, startDashboard } from "./dashboard-states.mjs";
import { Dialog } from "./fixtures.mjs";

/**
 * @type {import("@playwright/test").Fixtures<{}, { server: import("./keyslot-server.mjs").RunningServer },
 *   import("@playwright/test").PlaywrightTestArgs & import("@playwright/test").PlaywrightTestOptions,
 *   import("@playwright/test").PlaywrightWorkerArgs & import("@playwright/test").PlaywrightWorkerOptions>}
 */
const fixtures = {
  server: [
    async ({}, use) => {
      const { server, stop } = await startDashboard();
      await use(server);
      await stop();
    },
    { scope: "worker" },
  ],
};
const test = base.extend(fixtures);

/** @param {import("@playwright/test").Page} page @param {string} state */
async function check(page, state) {
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  expect(found, state).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide, `${state} scrolls sideways`).toBe(0);
}

for (const [colorScheme, width] of /** @type {["light" | "dark", number][]} */ ([
  ["light", 1280],
  ["dark", 1280],
  ["light", 390],
  ["dark", 390],
])) {
  test(`axe finds nothing in any state, ${colorScheme}, ${width} px`, async ({ page, server }) => {
    test.setTimeout(240_000);
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 844 });
    const open = (/** @type {string} */ address) => page.goto(`${server.url}/dashboard/${address}`);
    for (const state of DASHBOARD_STATES.filter((state) => state.outside)) {
      await state.reach({ page, server, open });
      await check(page, state.name);
    }
    await signIn(page, `${server.url}/dashboard`);
    for (const state of DASHBOARD_STATES.filter((state) => !state.outside)) {
      await state.reach({ page, server, open });
      await page.locator("main details").evaluateAll((all) => {
        for (const details of all) details.setAttribute("open", "");
      });
      await check(page, state.name);
    }
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
  await expect(page.getByLabel("Password")).toBeFocused();
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

test("the list of environments opens and closes as a menu does", async ({ page, server }) => {
  const headers = { authorization: `Bearer ${server.secretKey}`, "content-type": "application/json" };
  const body = JSON.stringify({ name: "one-that-makes-it-a-list" });
  const made = await fetch(`${server.url}/environments`, { method: "POST", headers, body });
  expect(made.status).toBe(201);
  try {
    await signIn(page, `${server.url}/dashboard/dev/connections`);
    const summary = page.locator(".switcher summary");
    const menu = page.getByRole("navigation", { name: "Environment" });
    await expect(menu).toBeHidden();
    await summary.focus();
    await page.keyboard.press("Enter");
    await expect(menu).toBeVisible();
    await page.keyboard.press("Tab");
    await expect(menu.getByRole("link").first()).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(menu).toBeHidden();
    await expect(summary).toBeFocused();

    await page.keyboard.press("Enter");
    for (let link = 0; link < 4; link += 1) {
      await expect(menu).toBeVisible();
      await page.keyboard.press("Tab");
    }
    await expect(page.getByRole("link", { name: "Integrations" })).toBeFocused();
    await expect(menu).toBeHidden();
    await page.keyboard.press("Shift+Tab");
    await expect(summary).toBeFocused();

    await summary.click();
    await expect(menu).toBeVisible();
    await page.getByRole("heading", { level: 1 }).click();
    await expect(menu).toBeHidden();
    // What is below moves when it closes, and still is what was pressed.
    await summary.click();
    await page.getByRole("link", { name: "Activity" }).click();
    await expect(page).toHaveURL(`${server.url}/dashboard/dev/activity`);
    await page.getByRole("link", { name: "Connections" }).click();
    await summary.click();
    await menu.getByRole("link", { name: "prod" }).click();
    await expect(page).toHaveURL(`${server.url}/dashboard/prod/connections`);
  } finally {
    const { secret_key } = (await made.json()).data;
    const own = { authorization: `Bearer ${secret_key.secret_key}` };
    await fetch(`${server.url}/environments/one-that-makes-it-a-list`, { method: "DELETE", headers: own });
  }
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
