// Every way in which a call ends: one settled promise, nothing left on the page, focus back.
import { expect, startWorld, test } from "./fixtures.mjs";
import { ACCEPTED, HANGING, SLOW } from "./provider-api.mjs";

for (const [name, leave] of /** @type {[string, (dialog: import("./fixtures.mjs").Dialog) => Promise<void>][]} */ ([
  ["Escape", (dialog) => dialog.page.keyboard.press("Escape")],
  ["the close button", (dialog) => dialog.close.click()],
])) {
  test(`${name} closes: window_closed, nothing left behind, focus back on the button`, async ({
    page,
    open,
    dialog,
    outcome,
    connectionId,
  }) => {
    await open({ integrationId: "acme-key", connectionId });
    await expect(dialog.field("apiKey")).toBeFocused();
    await leave(dialog);
    expect((await outcome()).error).toMatchObject({
      name: "AuthError",
      code: "window_closed",
      type: "window_closed",
      isError: true,
    });
    await expect(dialog.host).toHaveCount(0);
    await expect(page.getByRole("button", { name: "Connect" })).toBeFocused();
  });
}

test("removing the dialog's element from the page ends the call", async ({
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId });
  await expect(dialog.root).toBeVisible();
  await page.evaluate(() => document.querySelector("[data-keyslot]")?.remove());
  expect((await outcome()).error.code).toBe("window_closed");
});

test("close() ends the call", async ({ page, open, dialog, outcome, connectionId }) => {
  await open({ integrationId: "acme-key", connectionId });
  await expect(dialog.root).toBeVisible();
  await page.evaluate(() => /** @type {any} */ (globalThis).keyslot.close());
  expect((await outcome()).error.code).toBe("window_closed");
  await expect(dialog.host).toHaveCount(0);
});

test("an ended session that cannot be renewed rejects with connect_session_expired", async ({
  world,
  open,
  outcome,
  connectionId,
}) => {
  const { data } = await world.sdk.createConnectSession({ tags: {} });
  const deleted = await fetch(`${world.server.url}/connect/session`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${data.token}` },
  });
  expect(deleted.status).toBe(204);
  await open({ integrationId: "acme-key", connectionId, options: { session: data.token } });
  expect((await outcome()).error).toMatchObject({ code: "connect_session_expired", status: 401 });
});

test("a session that ends while the person types is renewed without a word", async ({
  world,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  const token = world.app.tokens.at(-1);
  await fetch(`${world.server.url}/connect/session`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token}` },
  });
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);
  expect(world.app.tokens.at(-1)).not.toBe(token);
});

test("a session that ends while the person types, and is only a text, says so and keeps what was typed", async ({
  world,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId, sessionAsText: true });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  const token = world.app.tokens.at(-1);
  await fetch(`${world.server.url}/connect/session`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token}` },
  });
  await dialog.submit.click();
  await expect(dialog.error).toBeVisible();
  await expect(dialog.field("apiKey")).toHaveValue(ACCEPTED.apiKey);
  await dialog.close.click();
  expect(["window_closed", "connect_session_expired"]).toContain((await outcome()).error.code);
});

test("the server stopped in mid-flight: the dialog says so, keeps the text, and works when it is back", async ({
  page,
  dialog,
}) => {
  const world = await startWorld();
  let server = world.server;
  try {
    await page.goto(world.app.page("module", { integrationId: "acme-key", connectionId: "survivor" }));
    await page.getByRole("button", { name: "Connect" }).click();
    await dialog.field("apiKey").fill(HANGING);
    const asked = world.provider.waiting();
    await dialog.submit.click();
    await asked;
    await server.stop("SIGKILL");

    await expect(dialog.error).toBeVisible();
    await expect(dialog.field("apiKey")).toHaveValue(HANGING);
    await expect(page.locator("#outcome")).toHaveText('"pending"');

    server = await server.restart();
    await dialog.field("apiKey").fill(ACCEPTED.apiKey);
    await dialog.submit.click();
    await expect(page.locator("#outcome")).toHaveText(/"connectionId":"survivor"/);
    // The session was acknowledged before the kill, the connection after it: both are there.
    expect((await world.sdk.getConnection("acme-key", "survivor")).credentials).toMatchObject({
      apiKey: ACCEPTED.apiKey,
    });
  } finally {
    await server.stop();
    await world.close();
  }
});

test("Escape while the answer of a stored connection is on its way: gone at once, and the call resolves", async ({
  world,
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  let stored = () => {};
  const isStored = new Promise((resolve) => (stored = () => resolve(undefined)));
  let answer = () => {};
  const mayAnswer = new Promise((resolve) => (answer = () => resolve(undefined)));
  await page.route(`${world.server.url}/api-auth/**`, async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    const response = await route.fetch();
    stored();
    await mayAnswer;
    await route.fulfill({ response });
  });
  await open({ integrationId: "acme-key", connectionId });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  await isStored;
  await page.keyboard.press("Escape");
  await expect(dialog.host).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Connect" })).toBeFocused();
  await expect(page.locator("#outcome")).toHaveText('"pending"');
  answer();
  expect((await outcome()).result.connectionId).toBe(connectionId);
});

test("Escape while the vendor takes longer than three seconds: window_closed, and nothing is stored when it answers", async ({
  world,
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId });
  await dialog.field("apiKey").fill(SLOW);
  const asked = world.provider.waiting();
  await dialog.submit.click();
  await asked;
  const since = Date.now();
  await page.keyboard.press("Escape");
  await expect(dialog.host).toHaveCount(0);
  expect(Date.now() - since).toBeLessThan(2_000);
  expect((await outcome()).error.code).toBe("window_closed");
  await page.waitForTimeout(6_000 - (Date.now() - since));
  await expect(world.sdk.getConnection("acme-key", connectionId)).rejects.toMatchObject({ response: { status: 404 } });
});

test("a page that goes away in mid-flight leaves a whole connection or none", async ({
  world,
  page,
  open,
  dialog,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId });
  await dialog.field("apiKey").fill(HANGING);
  const asked = world.provider.waiting();
  await dialog.submit.click();
  await asked;
  await page.goto("about:blank");
  await expect(world.sdk.getConnection("acme-key", connectionId)).rejects.toMatchObject({ response: { status: 404 } });
});

test("a stopping server finishes and exits with 0", async () => {
  const world = await startWorld();
  expect(await world.server.stop("SIGTERM")).toBe(0);
  await world.close();
});
