// The theming page of the dev server, and that what it promises holds for a real dialog.
import { AxeBuilder } from "@axe-core/playwright";
import { INTERNAL_PARTS, PARTS, TOKENS } from "../www/theming-names.js";
import { expect, test } from "./fixtures.mjs";
import { startServer } from "./keyslot-server.mjs";

/** What a part looks like. @param {import("@playwright/test").Locator} root @param {import("../www/theming-names.js").Token} token */
function look(root, token) {
  const [part, pseudo] = token.part.split("::");
  return root
    .locator(`[part~=${part}]`)
    .first()
    .evaluate(
      (element, [pseudo, property]) => getComputedStyle(element, pseudo && `::${pseudo}`).getPropertyValue(property),
      [pseudo ?? "", token.property],
    );
}

test("every custom property does what it says, from `theme.tokens` and from the page's own sheet", async ({
  page,
  open,
  dialog,
  connectionId,
}) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  const tokens = Object.fromEntries(TOKENS.map(({ name, sample }) => [name, sample]));
  await open({ integrationId: "acme-cloud", connectionId });
  await expect(dialog.field("apiKey")).toBeVisible();
  for (const token of TOKENS) expect(await look(dialog.host, token), token.name).not.toBe(token.sample);
  await page.evaluate((tokens) => {
    for (const [name, value] of Object.entries(tokens))
      document.documentElement.style.setProperty(`--keyslot-${name}`, value);
  }, tokens);
  for (const token of TOKENS) expect(await look(dialog.host, token), token.name).toBe(token.sample);
  await open({ integrationId: "acme-cloud", connectionId, options: { theme: { tokens } } });
  await expect(dialog.field("apiKey")).toBeVisible();
  for (const token of TOKENS) expect(await look(dialog.host, token), token.name).toBe(token.sample);
});

test("every part can be styled from the page, and there is no other", async ({ page, open, dialog, connectionId }) => {
  await open({ integrationId: "acme-cloud", connectionId });
  await expect(dialog.field("apiKey")).toBeVisible();
  await page.evaluate((names) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(names.map((name) => `[data-keyslot]::part(${name}) { outline-color: rgb(1, 2, 3) }`).join("\n"));
    document.adoptedStyleSheets.push(sheet);
  }, Object.keys(PARTS));
  /** @type {Record<string, string>} */
  const found = await dialog.host.evaluate((host) =>
    Object.fromEntries(
      [.../** @type {ShadowRoot} */ (host.shadowRoot).querySelectorAll("[part]")].flatMap((element) =>
        [...element.part].map((name) => [name, getComputedStyle(element).outlineColor]),
      ),
    ),
  );
  for (const name of INTERNAL_PARTS) delete found[name];
  expect(found).toEqual(Object.fromEntries(Object.keys(PARTS).map((name) => [name, "rgb(1, 2, 3)"])));
});

for (const [accent, mode] of [
  ["#ffe600", "light"],
  ["#101010", "dark"],
  ["rebeccapurple", "dark"],
  ["hsl(50 100% 60%)", "light"],
]) {
  test(`the accent ${accent} stays legible in ${mode} mode`, async ({ page, open, dialog, connectionId }) => {
    await page.emulateMedia({ reducedMotion: "reduce" });
    await open({ integrationId: "acme-key", connectionId, options: { theme: { mode, accent } } });
    await expect(dialog.field("apiKey")).toBeVisible();
    await page.evaluate(() => (document.documentElement.style.minHeight = "100vh")); // as in access.spec.mjs
    const found = await new AxeBuilder({ page }).setLegacyMode(true).withRules("color-contrast").analyze();
    expect(found.violations.flatMap((rule) => rule.nodes.map((node) => node.html))).toEqual([]);
    expect(found.passes.flatMap((rule) => rule.nodes.map((node) => node.html)).join()).toContain("submit");
  });
}

test("the page shows a change at once in three states of the real dialog, and how to write it down", async ({
  page,
}) => {
  const server = await startServer({ dev: true });
  try {
    /** @type {string[]} */
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
    await page.goto(`${server.url}/demo/theming.html`);
    const pictures = page.locator("[data-picture]");
    await expect(page.locator("#status")).toHaveText("The pictures are up to date.");
    await expect(pictures).toHaveCount(3);
    await expect(pictures.nth(1).locator("[part~=cause]").first()).toHaveText("Demo API did not accept this.");
    await expect(pictures.nth(2).locator("[part~=success]")).toBeVisible();

    await page.getByLabel("--keyslot-radius", { exact: true }).fill("2px");
    for (const picture of await pictures.all())
      await expect(picture.locator("[part~=dialog]")).toHaveCSS("border-top-left-radius", "2px");
    await expect(page.locator("#code")).toContainText('"radius": "2px"');

    await page.getByRole("button", { name: "submit", exact: true }).focus();
    await expect(pictures.first().locator("[part~=submit]")).toHaveCSS("outline-style", "dashed");

    await page.getByLabel("Language").selectOption("ar");
    await expect(pictures.first().locator("[part~=dialog]")).toHaveAttribute("dir", "rtl");
    await expect(page.locator("body")).not.toHaveClass("taking");
    await expect(pictures.first().locator("[part~=dialog]")).toHaveCSS("border-top-left-radius", "2px");

    await page.getByRole("button", { name: "Open the real one" }).click();
    await expect(page.locator("[data-keyslot] [part~=dialog]")).toHaveCSS("border-top-left-radius", "2px");
    await page.keyboard.press("Escape");
    // The refused key is answered with 400, which Chromium reports on its own.
    expect(wrong.filter((text) => !text.includes("status of 400"))).toEqual([]);
    const found = await new AxeBuilder({ page })
      .setLegacyMode(true)
      .withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"])
      .analyze();
    expect(found.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id} ${node.html}`))).toEqual([]);
  } finally {
    await server.stop();
    server.remove();
  }
});
