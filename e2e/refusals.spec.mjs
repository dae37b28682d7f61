// What the person can mend stays in the dialog: it says why, keeps the text, and the promise stays open.
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED, DOWN, LIMITED } from "./provider-api.mjs";

const CASES = [
  { name: "a wrong key", key: "acme_live_wrong00000000", reason: "refused" },
  { name: "a key that may not do the check", key: LIMITED, reason: "forbidden" },
  { name: "a vendor that is down", key: DOWN, reason: "unavailable" },
];

for (const { name, key, reason } of CASES) {
  test(`${name}: the dialog says so, keeps the text, and the next try works`, async ({
    world,
    page,
    open,
    dialog,
    outcome,
    connectionId,
  }) => {
    await open({ integrationId: "acme-key", connectionId });
    await dialog.field("apiKey").fill(key);
    await dialog.submit.click();

    await expect(dialog.error).toBeVisible();
    await expect(dialog.error).not.toBeEmpty();
    await expect(dialog.error).toHaveRole("alert");
    await expect(dialog.field("apiKey")).toHaveValue(key);
    await expect(dialog.field("apiKey")).toBeFocused();
    await expect(page.locator("#outcome")).toHaveText('"pending"');
    const events = await page.evaluate(() => /** @type {any} */ (globalThis).events);
    expect(events).toContainEqual(expect.objectContaining({ type: "rejected", reason }));
    await expect(world.sdk.getConnection("acme-key", connectionId)).rejects.toMatchObject({
      response: { status: 404 },
    });

    await dialog.field("apiKey").fill(ACCEPTED.apiKey);
    await dialog.submit.click();
    expect((await outcome()).result.connectionId).toBe(connectionId);
  });
}

test("the reference in small print can be copied, for a mail to support", async ({
  page,
  open,
  dialog,
  connectionId,
}) => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await open({ integrationId: "acme-key", connectionId });
  await dialog.field("apiKey").fill(DOWN);
  await dialog.submit.click();
  await dialog.error.getByRole("button", { name: "Copy" }).click();
  await expect(dialog.error.getByRole("button", { name: "Copied" })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied.length).toBeGreaterThan(8);
  await expect(dialog.error).toContainText(`Reference ${copied}`);
});

test("the three refusals are worded differently", async ({ open, dialog, connectionId }) => {
  await open({ integrationId: "acme-key", connectionId });
  /** @type {string[]} */
  const texts = [];
  for (const { key } of CASES) {
    await dialog.field("apiKey").fill(key);
    const before = texts.at(-1);
    await dialog.submit.click();
    if (before) await expect(dialog.error).not.toHaveText(before);
    await expect(dialog.error).toBeVisible();
    texts.push((await dialog.error.textContent()) ?? "");
  }
  expect(new Set(texts).size).toBe(CASES.length);
});

test("pressing Connect on an empty form says what is missing and sends nothing", async ({
  world,
  open,
  dialog,
  connectionId,
}) => {
  const before = world.provider.seen.length;
  await open({ integrationId: "acme-basic", connectionId });
  await expect(dialog.field("username")).toBeFocused();
  await dialog.submit.click();
  await expect(dialog.field("username")).toHaveAttribute("aria-invalid", "true");
  await expect(dialog.field("username")).toBeFocused();
  expect(world.provider.seen.length).toBe(before);
});

test("headless: a wrong key rejects with connection_test_failed", async ({ open, outcome, connectionId }) => {
  await open({
    integrationId: "acme-key",
    connectionId,
    options: { credentials: { apiKey: "acme_live_wrong00000000" } },
  });
  expect((await outcome()).error).toMatchObject({
    name: "AuthError",
    code: "connection_test_failed",
    type: "connection_test_failed",
    status: 400,
    isError: true,
  });
});
