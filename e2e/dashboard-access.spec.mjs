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
  ["dark", 390],
])) {
  test(`axe finds nothing in any state, ${colorScheme}, ${width} px`, async ({ page, server }) => {
    test.setTimeout(180_000);
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
      for (const summary of await page.locator("summary").all()) await summary.click();
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
