// What the dashboard does not do to the person who uses it: take the keyboard, lose what was typed, make a
// second key, or squeeze a list until nobody can read it.
import { expect, test as base } from "@playwright/test";
import { signIn, startDashboard } from "./dashboard-states.mjs";

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

test("a page with a preview keeps the keyboard, and its first field is a few Tabs away", async ({ page, server }) => {
  await signIn(page, `${server.url}/dashboard`);
  for (const [address, field] of [
    ["dev/integrations/new?provider=freshdesk", "key"],
    ["dev/integration/settings?key=demo", "name"],
    ["dev/settings", "webhook_url"],
  ]) {
    await page.goto(`${server.url}/dashboard/${address}`);
    await page.locator(".dialog-preview[data-shown]").first().waitFor();
    const focused = () =>
      page.evaluate(() => document.activeElement?.getAttribute("name") ?? document.activeElement?.localName);
    expect(await focused(), address).toBe("body");
    await page.keyboard.press("Tab");
    await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
    await page.keyboard.press("Enter");
    let tabs = 0;
    while ((await focused()) !== field && tabs < 10) {
      await page.keyboard.press("Tab");
      tabs += 1;
    }
    expect(await focused(), address).toBe(field);
    expect(tabs, address).toBeLessThanOrEqual(8);
  }
});

test("leaving settings asks while there are edits, and only then", async ({ page, server }) => {
  await signIn(page, `${server.url}/dashboard/dev/settings`);
  /** @type {string[]} */
  const asked = [];
  let stay = true;
  page.on("dialog", async (dialog) => {
    asked.push(dialog.type());
    await (stay ? dialog.dismiss() : dialog.accept());
  });
  const settings = `${server.url}/dashboard/dev/settings`;
  const leave = () => page.getByRole("link", { name: "Connections" }).click({ noWaitAfter: true });

  // Pressed, so that the browser believes in a person; nothing is changed by it.
  await page.getByLabel("Product").click();
  await leave();
  await expect(page).toHaveURL(/connections$/);
  expect(asked).toEqual([]);

  await page.goto(settings);
  await page.getByLabel("Product").pressSequentially("Northlight");
  await leave();
  await expect.poll(() => asked).toEqual(["beforeunload"]);
  await expect(page).toHaveURL(settings);
  await expect(page.getByLabel("Product")).toHaveValue("Northlight");
  // Another form of the page would lose it as well.
  await page.getByRole("button", { name: "Save webhooks" }).click({ noWaitAfter: true });
  await expect.poll(() => asked).toEqual(["beforeunload", "beforeunload"]);
  await expect(page.getByLabel("Product")).toHaveValue("Northlight");

  // What was refused is not saved either.
  await page.getByLabel("Colour").pressSequentially("red");
  await page.getByRole("button", { name: "Save connect page" }).click();
  await page.getByRole("alert").waitFor();
  expect(asked).toHaveLength(2);
  await page.getByLabel("Product").click();
  await leave();
  await expect.poll(() => asked).toHaveLength(3);
  await page.getByLabel("Colour").fill("");
  await page.getByLabel("Product").fill("");
  await page.getByRole("button", { name: "Save connect page" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  expect(asked).toHaveLength(3);

  await page.getByLabel("Product").pressSequentially("Lost");
  stay = false;
  await leave();
  await expect(page).toHaveURL(/connections$/);
  expect(asked).toHaveLength(4);
});

test("reloading and going back after a key was made make no second one", async ({ page, server }) => {
  await signIn(page, `${server.url}/dashboard/dev/secret-keys`);
  const keys = page.getByRole("list", { name: "Secret keys" }).getByRole("listitem");
  const before = await keys.count();
  await page.getByLabel("Name").fill("Reloaded");
  await page.getByRole("button", { name: "Make the key" }).click();
  await expect(page.getByRole("textbox", { name: "New key" })).toHaveValue(/^ksk_/);
  await page.reload();
  await expect(page.getByText("shown only once")).toBeVisible();
  await expect(page.getByRole("textbox", { name: "New key" })).toHaveCount(0);
  await expect(keys).toHaveCount(before + 1);
  await page.getByRole("link", { name: "Connections" }).click();
  await page.goBack();
  await expect(page.getByText("shown only once")).toBeVisible();
  await expect(keys).toHaveCount(before + 1);
});

test("a new signing key is made after saying what it means, also without JavaScript", async ({ browser, server }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await signIn(page, `${server.url}/dashboard/prod/settings`);
  for (const other of ["No other counts.", "The one before counts until"]) {
    await page.goto(`${server.url}/dashboard/prod/settings`);
    await page.getByRole("link", { name: "Make a new signing key" }).click();
    await expect(page.getByText("every webhook then carries a signature by each")).toBeVisible();
    await page.getByRole("button", { name: "Make the new key" }).click();
    await expect(page.getByRole("textbox", { name: "New key" })).toHaveValue(/^whsec_/);
    await expect(page.getByText(other)).toBeVisible();
  }
  await page.getByText("before this one counts until").click();
  await page.getByRole("checkbox", { name: "My backend has the new one" }).check();
  await page.getByRole("button", { name: "End the old one now" }).click();
  await expect(page.getByText("Only the newest key counts now.")).toBeVisible();
  await context.close();
});

test("a list of secret keys is legible on a telephone", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await signIn(page, `${server.url}/dashboard/dev/secret-keys`);
  await page.getByLabel("Name").fill("Billing service of the northern branch");
  await page.getByRole("button", { name: "Make the key" }).click();
  const row = page.getByRole("listitem").filter({ hasText: "northern branch" });
  const [list, name, action] = await Promise.all(
    [row, row.locator("> div"), row.locator("summary")].map((one) => one.boundingBox()),
  );
  // All of the row's width for what it says, and the action on a line of its own, in one piece.
  expect(name?.width).toBeGreaterThan(0.85 * (list?.width ?? 0));
  expect(action?.y).toBeGreaterThanOrEqual((name?.y ?? 0) + (name?.height ?? 0));
  expect(action?.height).toBeLessThan(40);
});
