// The dialog in other languages: which one, fetched when, marked how, and English when its file fails.
import { wordsOf } from "../scripts/languages.mjs";
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

/** The language files that a page asks for. @param {import("@playwright/test").Page} page */
function languageFiles(page) {
  /** @type {string[]} */
  const files = [];
  page.on("request", (request) => {
    const name = new URL(request.url()).pathname.match(/\/locales\/(.+)\.(?:js|json)$/)?.[1];
    if (name) files.push(name);
  });
  return files;
}

for (const kind of ["module", "external", "classic"]) {
  test(`${kind}: a German page gets a German dialog, one file more, under the strict policy`, async ({
    page,
    open,
    dialog,
    outcome,
    connectionId,
  }) => {
    const words = await wordsOf("de");
    const files = languageFiles(page);
    /** @type {string[]} */
    const violations = [];
    page.on("console", (message) => {
      if (/Content.Security.Policy|TrustedHTML|TrustedScript/i.test(message.text())) violations.push(message.text());
    });
    await open({ integrationId: "acme-key", connectionId, lang: "de-AT" }, kind);
    await expect(page.getByRole("dialog", { name: "Acme Mail verbinden" })).toHaveAttribute("lang", "de");
    await expect(dialog.root).toHaveAttribute("dir", "ltr");
    await expect(dialog.submit).toHaveText(words.submit);
    await expect(dialog.close).toHaveAccessibleName(words.close);
    await dialog.field("apiKey").fill("acme_live_wrong00000000");
    await dialog.submit.click();
    await expect(dialog.error).toContainText("Acme Mail hat das nicht angenommen.");
    await dialog.field("apiKey").fill(ACCEPTED.apiKey);
    await dialog.submit.click();
    expect((await outcome()).result.connectionId).toBe(connectionId);
    await expect(dialog.success).toContainText("Acme Mail ist verbunden");
    expect(files).toEqual(["de"]);
    expect(violations).toEqual([]);
  });
}

test("classic: a language file that was exchanged on its server is not used, and runs nothing", async ({
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await page.route("**/locales/*", (route) =>
    route.request().url().endsWith(".js")
      ? route.fulfill({
          contentType: "text/javascript",
          body: 'globalThis.ran = true; export default { submit: "Exchanged" };',
        })
      : route.fulfill({ contentType: "application/json", body: '{ "submit": "Exchanged" }' }),
  );
  await open({ integrationId: "acme-key", connectionId, lang: "de" }, "classic");
  await expect(dialog.root).toHaveAttribute("lang", "en");
  await expect(dialog.submit).toHaveText("Connect");
  expect(await page.evaluate(() => "ran" in globalThis)).toBe(false);
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);
});

test("Arabic is laid out from right to left; what is typed, and what the provider says, is not", async ({
  page,
  open,
  dialog,
  connectionId,
}) => {
  const words = await wordsOf("ar");
  await open({ integrationId: "acme-cloud", connectionId, options: { locale: "ar" } });
  await expect(dialog.root).toHaveAttribute("dir", "rtl");
  await expect(dialog.root).toHaveAttribute("lang", "ar");
  await expect(dialog.submit).toHaveText(words.submit);
  await expect(dialog.field("apiKey")).toHaveAttribute("dir", "ltr");
  await expect(page.getByText("Begins with acme_live_.")).toHaveAttribute("lang", "en");
  await expect(page.getByText("Secret key", { exact: true })).toHaveAttribute("lang", "en");
  await expect(page.getByText("Secret key", { exact: true })).toBeVisible();
  const left = async (/** @type {string} */ text) =>
    (await page.getByText(text, { exact: true }).boundingBox())?.x ?? Number.NaN;
  expect(await left("https://")).toBeLessThan(await left(".acme.invalid"));
  // The close button is at the other end: left of the title.
  const [close, title] = [await dialog.close.boundingBox(), await dialog.root.locator("[part~=title]").boundingBox()];
  expect(/** @type {any} */ (close).x).toBeLessThan(/** @type {any} */ (title).x);
});

test("an English page and an English reader fetch no language at all", async ({ page, open, dialog, connectionId }) => {
  const files = languageFiles(page);
  await open({ integrationId: "acme-key", connectionId });
  await expect(dialog.submit).toHaveText("Connect");
  await expect(dialog.root).toHaveAttribute("lang", "en");
  expect(files).toEqual([]);
});

test("`strings` replaces a word in any language", async ({ open, dialog, connectionId }) => {
  await open({
    integrationId: "acme-key",
    connectionId,
    options: { locale: "pl", strings: { submit: "Dalej" } },
  });
  await expect(dialog.submit).toHaveText("Dalej");
  await expect(dialog.close).toHaveAccessibleName((await wordsOf("pl")).close);
});

test("a language whose file does not arrive is English, says so, and the call works", async ({
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await page.route("**/locales/*.js", (route) => route.fulfill({ status: 404, body: "not here" }));
  await open({ integrationId: "acme-key", connectionId, options: { locale: "ja" } });
  await expect(dialog.root).toHaveAttribute("lang", "en");
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);
});
