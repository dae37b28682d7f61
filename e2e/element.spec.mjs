// <keyslot-connect> in a page without a build, under the strict policy.
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

test("pressing it connects, and says so with an event", async ({ page, world, dialog, outcome, connectionId }) => {
  await page.goto(world.app.page("element", { integrationId: "acme-key", connectionId }));
  const button = page.getByRole("button", { name: "Connect Acme" });
  await button.click();
  await expect(page.locator("keyslot-connect")).toHaveAttribute("aria-busy", "true");
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result).toMatchObject({ connectionId, providerConfigKey: "acme-key" });
  await expect(page.locator("keyslot-connect")).toHaveAttribute("connected", "");
  await expect(dialog.host).toHaveCount(0);
  await expect(button).toBeFocused();
  expect((await world.sdk.getConnection("acme-key", connectionId)).credentials).toMatchObject({
    apiKey: ACCEPTED.apiKey,
  });
});

test("closing the dialog is no event, and a failure is one", async ({ page, world, dialog, outcome }) => {
  await page.goto(world.app.page("element", { integrationId: "acme-key" }));
  await page.getByRole("button", { name: "Connect Acme" }).click();
  await expect(dialog.field("apiKey")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.locator("keyslot-connect")).not.toHaveAttribute("aria-busy", "true");
  await expect(page.locator("#outcome")).toBeEmpty();
  await page.goto(world.app.page("element", { integrationId: "nobody-knows" }));
  await page.getByRole("button", { name: "Connect Acme" }).click();
  expect((await outcome()).error).toMatchObject({ name: "AuthError", code: "unknown_integration" });
});

test("disabled, it does nothing", async ({ page, world, dialog }) => {
  await page.goto(world.app.page("element", { integrationId: "acme-key", options: { disabled: "" } }));
  const button = page.getByRole("button", { name: "Connect Acme" });
  await expect(button).toBeDisabled();
  await button.click({ force: true });
  await page.evaluate(() => document.querySelector("keyslot-connect")?.removeAttribute("disabled"));
  await expect(button).toBeEnabled();
  await expect(dialog.host).toHaveCount(0);
});

test("the module is fetched when the pointer comes, not before", async ({ page, world, dialog }) => {
  await page.goto(world.app.page("element", { integrationId: "acme-key" }));
  // A trace of a compiled module: `preload()` ends without a word.
  await page.evaluate(() => {
    const { instantiate } = /** @type {any} */ (WebAssembly);
    /** @type {any} */ (globalThis).compiled = 0;
    /** @type {any} */ (WebAssembly).instantiate = (/** @type {unknown[]} */ ...args) => {
      /** @type {any} */ (globalThis).compiled += 1;
      return instantiate(...args);
    };
  });
  expect(await page.evaluate(() => /** @type {any} */ (globalThis).compiled)).toBe(0);
  const button = page.getByRole("button", { name: "Connect Acme" });
  await button.hover();
  await expect.poll(() => page.evaluate(() => /** @type {any} */ (globalThis).compiled)).toBe(1);
  await button.click();
  await expect(dialog.field("apiKey")).toBeFocused();
  expect(await page.evaluate(() => /** @type {any} */ (globalThis).compiled)).toBe(1);
});
