// Pasting, with the browser's own clipboard: what a listener is told before the text is in the box is
// not what a page sees afterwards, so no made-up event stands in for it.
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";
import { paste } from "./states.mjs";

test("a key with words around it is tidied up, says so, and Undo brings everything back", async ({
  open,
  dialog,
  connectionId,
}) => {
  const pasted = `Authorization: Bearer ${ACCEPTED.apiKey}`;
  await open({ integrationId: "acme-key", connectionId });
  await paste(dialog.field("apiKey"), pasted);
  await expect(dialog.field("apiKey")).toHaveValue(ACCEPTED.apiKey);
  await expect(dialog.note).toContainText("removed");
  await dialog.note.getByRole("button", { name: "Undo" }).click();
  await expect(dialog.field("apiKey")).toHaveValue(pasted);
  await expect(dialog.note).toHaveCount(0);
});

for (const [where, go] of /** @type {[string, (dialog: import("./fixtures.mjs").Dialog) => Promise<void>][]} */ ([
  ["with the focus on Connect", (dialog) => dialog.submit.focus()],
  ["with the focus on nothing", (dialog) => dialog.root.locator("[part~=logo]").click()],
])) {
  test(`a paste ${where} goes into the empty secret`, async ({ page, open, dialog, connectionId }) => {
    await open({ integrationId: "acme-basic", connectionId });
    await dialog.field("password").waitFor();
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.evaluate((copied) => navigator.clipboard.writeText(copied), ACCEPTED.password);
    await go(dialog);
    await page.keyboard.press("Control+V");
    await expect(dialog.field("password")).toHaveValue(ACCEPTED.password);
    await expect(dialog.field("password")).toBeFocused();
    await expect(dialog.field("username")).toHaveValue("");
  });
}

test("another vendor's key is recognised at once, before the field is left", async ({ open, dialog, connectionId }) => {
  await open({ integrationId: "acme-key", connectionId });
  await paste(dialog.field("apiKey"), "nvapi-0000111122223333444455556666");
  await expect(dialog.note).toContainText("NVIDIA");
  await expect(dialog.root.getByRole("status")).toContainText("NVIDIA");
  await expect(dialog.field("apiKey")).toBeFocused();
});

test("a password with quotes is left as it is, and taking them off is offered", async ({
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-basic", connectionId });
  await dialog.field("username").fill(ACCEPTED.username);
  await paste(dialog.field("password"), `"${ACCEPTED.password}"`);
  await expect(dialog.field("password")).toHaveValue(`"${ACCEPTED.password}"`);
  await expect(dialog.root.getByRole("status")).toContainText("around the password");
  await dialog.note.getByRole("button").click();
  await expect(dialog.field("password")).toHaveValue(ACCEPTED.password);
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);
});

test("a user name and a password in one paste are offered to be split", async ({ open, dialog, connectionId }) => {
  await open({ integrationId: "acme-basic", connectionId });
  await paste(dialog.field("username"), "ada:correct-horse-battery");
  await expect(dialog.field("username")).toHaveValue("ada:correct-horse-battery");
  await dialog.note.getByRole("button").click();
  await expect(dialog.field("username")).toHaveValue("ada");
  await expect(dialog.field("password")).toHaveValue("correct-horse-battery");
});

test("typing on after an offer takes the offer away", async ({ open, dialog, connectionId }) => {
  await open({ integrationId: "acme-basic", connectionId });
  await paste(dialog.field("password"), '"quoted"');
  await expect(dialog.note).toBeVisible();
  await dialog.field("password").press("x");
  await expect(dialog.note).toHaveCount(0);
  await expect(dialog.field("password")).toHaveValue('"quoted"x');
});

test("a paste that needs nothing keeps the browser's own undo", async ({ page, open, dialog, connectionId }) => {
  await open({ integrationId: "acme-key", connectionId });
  await paste(dialog.field("apiKey"), ACCEPTED.apiKey);
  await expect(dialog.field("apiKey")).toHaveValue(ACCEPTED.apiKey);
  await page.keyboard.press("Control+Z");
  await expect(dialog.field("apiKey")).toHaveValue("");
});

test("a paste of 70 KiB is neither cut to a key nor sent: it is refused in words, and the form still works", async ({
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId });
  await paste(dialog.field("apiKey"), `${ACCEPTED.apiKey}\n`.repeat(3_500));
  await page.keyboard.press("Enter");
  await expect(dialog.root).toContainText("This is longer than 4,096 characters. Copy only the key.");
  await expect(dialog.field("apiKey")).toHaveAttribute("aria-invalid", "true");
  await expect(dialog.field("apiKey")).toBeFocused();
  // All of it is selected: the next paste takes its place.
  await paste(dialog.field("apiKey"), ACCEPTED.apiKey);
  await page.keyboard.press("Enter");
  expect((await outcome()).result.connectionId).toBe(connectionId);
});

test("curly quotes around a password are left as they are, and taking them off is offered", async ({
  open,
  dialog,
  connectionId,
}) => {
  await open({ integrationId: "acme-basic", connectionId });
  await paste(dialog.field("password"), `“${ACCEPTED.password}”`);
  await expect(dialog.field("password")).toHaveValue(`“${ACCEPTED.password}”`);
  await dialog.note.getByRole("button").click();
  await expect(dialog.field("password")).toHaveValue(ACCEPTED.password);
});

test("an address pasted into a sub-domain's field becomes the sub-domain", async ({ open, dialog, connectionId }) => {
  await open({ integrationId: "acme-cloud", connectionId });
  await paste(dialog.field("subdomain"), "https://globex.acme.invalid/settings?tab=keys");
  await expect(dialog.field("subdomain")).toHaveValue("globex");
  await expect(dialog.note).toContainText("the rest of the address");
});
