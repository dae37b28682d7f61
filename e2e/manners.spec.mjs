// What the dialog does to the page around it, and what it does when the page or the network is in its way.
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED, HANGING } from "./provider-api.mjs";

test("the page does not scroll behind the dialog, and afterwards it is exactly as before", async ({
  page,
  world,
  dialog,
  outcome,
  connectionId,
}) => {
  await page.goto(world.app.page("module", { integrationId: "acme-key", connectionId }));
  const state = () =>
    page.evaluate(() => ({
      html: document.documentElement.getAttribute("style"),
      body: document.body.getAttribute("style"),
      sheets: document.adoptedStyleSheets.length,
      children: document.body.children.length,
      y: scrollY,
      width: document.documentElement.clientWidth,
    }));
  await page.evaluate(() => {
    document.body.style.height = "3000px";
    document.adoptedStyleSheets.push(new CSSStyleSheet());
    window.scrollTo(0, 20);
  });
  const before = await state();
  await page.getByRole("button", { name: "Connect" }).click();
  await expect(dialog.field("apiKey")).toBeFocused();
  expect((await state()).width).toBe(before.width); // nothing jumps
  await page.mouse.move(10, 10);
  await page.mouse.wheel(0, 400);
  await page.keyboard.press("Escape");
  await outcome();
  // A wheel that was let through would have scrolled by now: the one after it does.
  expect(await state()).toEqual(before);
  await page.mouse.wheel(0, 400);
  await expect.poll(async () => (await state()).y).toBe(420);
});

test("offline: it says so, waits with the text, and sends by itself when the network is back", async ({
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  /** @type {string[]} */
  const posts = [];
  page.on("request", (request) => request.method() === "POST" && posts.push(new URL(request.url()).pathname));
  await page.context().setOffline(true);
  await dialog.submit.click();
  await expect(dialog.error).toContainText("You are offline.");
  await expect(dialog.field("apiKey")).toHaveValue(ACCEPTED.apiKey);
  expect(posts).toEqual([]);
  await page.context().setOffline(false);
  expect((await outcome()).result.connectionId).toBe(connectionId);
  expect(posts).toHaveLength(1);
});

test("offline in mid-flight: the same, and the key goes out again by itself", async ({
  page,
  world,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  let cut = 0;
  await page.route(`${world.server.url}/api-auth/**`, async (route) => {
    if (route.request().method() !== "POST" || cut > 0) return route.continue();
    cut += 1;
    await page.context().setOffline(true);
    await route.abort("internetdisconnected");
  });
  await open({ integrationId: "acme-key", connectionId });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  await expect(dialog.error).toContainText("You are offline.");
  await page.context().setOffline(false);
  expect((await outcome()).result.connectionId).toBe(connectionId);
  expect(cut).toBe(1);
});

test("what was typed is there again after Escape: a secret for five minutes, the rest for the page's life", async ({
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await page.clock.install();
  await open({ integrationId: "acme-basic", connectionId });
  const again = async () => {
    await page.keyboard.press("Escape");
    await expect(dialog.host).toHaveCount(0);
    return async () => {
      await page.getByRole("button", { name: "Connect" }).click();
      await dialog.field("password").waitFor();
    };
  };
  await dialog.field("username").fill(ACCEPTED.username);
  await dialog.field("password").fill(ACCEPTED.password);
  let reopen = await again();
  await page.clock.fastForward("04:50");
  await reopen();
  await expect(dialog.field("username")).toHaveValue(ACCEPTED.username);
  await expect(dialog.field("password")).toHaveValue(ACCEPTED.password);
  reopen = await again();
  await page.clock.fastForward("05:01");
  await reopen();
  await expect(dialog.field("username")).toHaveValue(ACCEPTED.username);
  await expect(dialog.field("password")).toHaveValue("");
  await expect(dialog.field("password")).toBeFocused();
  // Success ends it for both.
  await dialog.field("password").fill(ACCEPTED.password);
  await dialog.submit.click();
  await expect(dialog.success).toBeVisible();
  await outcome();
  reopen = await again();
  await reopen();
  await expect(dialog.field("username")).toHaveValue("");
  await expect(dialog.field("password")).toHaveValue("");
});

test("a proxy's HTML page instead of an answer stays in the dialog, and trying again works", async ({
  page,
  world,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await page.route(
    `${world.server.url}/api-auth/**`,
    (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<!doctype html><h1>502</h1>" }),
    { times: 1 },
  );
  await open({ integrationId: "acme-key", connectionId });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  await expect(dialog.error).toBeVisible();
  await expect(page.locator("#outcome")).toHaveText('"pending"');
  await expect(dialog.submit).toHaveText("Try again");
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);
});

test("a server that does not answer in time is a failure that can be tried again", async ({
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId, options: { timeout: 1_000 } });
  await dialog.field("apiKey").fill(HANGING);
  await dialog.submit.click();
  await expect(dialog.error).toContainText("This took too long.");
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);
});

test("an abort in mid-flight closes the dialog, rejects with aborted and gives the focus back", async ({
  page,
  world,
  dialog,
  connectionId,
}) => {
  await page.goto(world.app.page("module", { integrationId: "acme-key", connectionId }));
  await page.locator("#connect").focus();
  const ended = page.evaluate(
    async ([host, id]) => {
      const { keyslot } = /** @type {any} */ (globalThis);
      const controller = new AbortController();
      Object.assign(globalThis, { controller });
      const session = await (await fetch(`/connect-session?user=${id}`, { method: "POST" })).text();
      const call = keyslot.auth("acme-key", id, { host, session, signal: controller.signal });
      return call.catch((/** @type {any} */ error) => error.code);
    },
    [world.server.url, connectionId],
  );
  await dialog.field("apiKey").fill(HANGING);
  const asked = world.provider.waiting();
  await dialog.submit.click();
  await asked;
  await page.evaluate(() => /** @type {any} */ (globalThis).controller.abort());
  expect(await ended).toBe("aborted");
  await expect(dialog.host).toHaveCount(0);
  await expect(page.locator("#connect")).toBeFocused();
});

test("a tab in the background and back again: the dialog, the text and the focus are still there", async ({
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  const other = await page.context().newPage();
  await other.bringToFront();
  await page.bringToFront();
  await other.close();
  await expect(dialog.field("apiKey")).toHaveValue(ACCEPTED.apiKey);
  await expect(dialog.field("apiKey")).toBeFocused();
  await page.keyboard.press("Enter");
  expect((await outcome()).result.connectionId).toBe(connectionId);
});

test("a fault inside the module rejects the call, takes the dialog away, and the next call works", async ({
  page,
  world,
  dialog,
  outcome,
  connectionId,
}) => {
  await page.goto(world.app.page("module", { integrationId: "acme-key", connectionId }));
  // A page that has broken a method which cannot fail: the exception leaves through the module.
  await page.evaluate(() => {
    const { showModal } = HTMLDialogElement.prototype;
    const { setAttribute } = Element.prototype;
    HTMLDialogElement.prototype.showModal = function () {
      showModal.call(this);
      Element.prototype.setAttribute = () => {
        Element.prototype.setAttribute = setAttribute;
        HTMLDialogElement.prototype.showModal = showModal;
        throw new Error("the page's own");
      };
    };
  });
  await page.getByRole("button", { name: "Connect" }).click();
  expect((await outcome()).error).toMatchObject({ name: "AuthError", code: "unknown_error" });
  await expect(dialog.host).toHaveCount(0);
  await page.getByRole("button", { name: "Connect" }).click();
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);
});

/** @type {[string, (page: import("@playwright/test").Page, dialog: import("./fixtures.mjs").Dialog) => Promise<void>][]} */
const ENDINGS = [
  ["success", (_, dialog) => dialog.submit.click()],
  ["Escape", (page) => page.keyboard.press("Escape")],
  ["the page removing it", (_, dialog) => dialog.host.evaluate((host) => host.remove())],
];
for (const [ending, end] of ENDINGS) {
  test(`after ${ending} nothing of what was typed is left in the page`, async ({ page, open, dialog, outcome }) => {
    await open({ integrationId: "acme-basic" });
    await dialog.field("username").fill(ACCEPTED.username);
    await dialog.field("password").fill(ACCEPTED.password);
    const inputs = await dialog.host.evaluateHandle((host) => [
      .../** @type {ShadowRoot} */ (host.shadowRoot).querySelectorAll("input"),
    ]);
    await end(page, dialog);
    await outcome();
    await expect(dialog.host).toHaveCount(0);
    expect(await inputs.evaluate((all) => all.map((input) => input.value))).toEqual(["", ""]);
    expect(await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie])).toEqual([
      0,
      0,
      "",
    ]);
  });
}
