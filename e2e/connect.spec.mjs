// Page → dialog → check with the vendor → sealed row → what the customer's backend reads.
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

test("an API key typed in the dialog comes back out through the stock Node SDK", async ({
  world,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId });
  await expect(dialog.root).toBeVisible();
  await expect(dialog.root).toContainText("Acme Mail");
  await expect(dialog.field("apiKey")).toBeFocused();
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();

  expect(await outcome()).toEqual({
    result: { connectionId, providerConfigKey: "acme-key", verification: { status: "verified", account: "Acme Ltd" } },
  });
  await expect(dialog.success).toContainText("Acme");
  await expect(dialog.host).toHaveCount(0);

  expect(world.provider.seen).toContainEqual({
    method: "GET",
    path: "/v1/me",
    authorization: `Bearer ${ACCEPTED.apiKey}`,
  });
  const connection = await world.sdk.getConnection("acme-key", connectionId);
  expect(connection).toMatchObject({
    connection_id: connectionId,
    provider_config_key: "acme-key",
    provider: "acme-key",
    errors: [],
    credentials: { type: "API_KEY", apiKey: ACCEPTED.apiKey },
  });
});

test("a user name and a password come back out the same way", async ({
  world,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-basic", connectionId });
  await dialog.page.getByLabel("E-mail").fill(ACCEPTED.username);
  await dialog.field("password").fill(ACCEPTED.password);
  await dialog.field("password").press("Enter");

  expect((await outcome()).result).toMatchObject({
    connectionId,
    providerConfigKey: "acme-basic",
    verification: { status: "verified", account: "Acme Ltd" },
  });
  const connection = await world.sdk.getConnection("acme-basic", connectionId);
  expect(connection.credentials).toEqual({ type: "BASIC", username: ACCEPTED.username, password: ACCEPTED.password });
});

test("a field of the address is asked for, used for the check and stored", async ({
  world,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-workspace", connectionId });
  await dialog.field("workspace").fill("lovelace");
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result.verification).toEqual({ status: "verified", account: "lovelace" });
  const connection = await world.sdk.getConnection("acme-workspace", connectionId);
  expect(connection.connection_config).toEqual({ workspace: "lovelace" });
});

test("a preset field is not asked for and is used", async ({ world, open, dialog, outcome, connectionId }) => {
  await open({ integrationId: "acme-workspace", connectionId, options: { params: { workspace: "preset" } } });
  await expect(dialog.field("apiKey")).toBeFocused();
  await expect(dialog.field("workspace")).toBeHidden();
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result.verification.account).toBe("preset");
  expect((await world.sdk.getConnection("acme-workspace", connectionId)).connection_config).toEqual({
    workspace: "preset",
  });
});

test("without a connection id the server makes one", async ({ world, open, dialog, outcome }) => {
  await open({ integrationId: "acme-key" });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  const { result } = await outcome();
  expect(result.connectionId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-/);
  expect((await world.sdk.getConnection("acme-key", result.connectionId)).credentials).toMatchObject({
    apiKey: ACCEPTED.apiKey,
  });
});

test("reconnect() replaces the credential and keeps metadata and tags", async ({
  world,
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId, mint: { tags: { team: "blue", end_user_id: connectionId } } });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  await outcome();
  await world.sdk.setMetadata("acme-key", connectionId, { plan: "pro" });

  const { data } = await world.sdk.createReconnectSession({ connection_id: connectionId, integration_id: "acme-key" });
  await open({ method: "reconnect", integrationId: "acme-key", options: { session: data.token } });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);
  const connection = await world.sdk.getConnection("acme-key", connectionId);
  expect(connection.metadata).toEqual({ plan: "pro" });
  expect(connection.tags).toMatchObject({ team: "blue" });
  void page;
});

test("headless: credentials in the call, no dialog, the same result", async ({
  world,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId, options: { credentials: { apiKey: ACCEPTED.apiKey } } });
  expect((await outcome()).result.connectionId).toBe(connectionId);
  await expect(dialog.host).toHaveCount(0);
  expect((await world.sdk.getConnection("acme-key", connectionId)).credentials).toMatchObject({
    apiKey: ACCEPTED.apiKey,
  });
});

test("a typed key is in no address, no log, no stored byte and no event", async ({
  world,
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  /** @type {string[]} */
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url()));
  /** @type {string[]} */
  const console = [];
  page.on("console", (message) => console.push(message.text()));

  await open({ integrationId: "acme-basic", connectionId });
  await dialog.field("username").fill(ACCEPTED.username);
  await dialog.field("password").fill("a wrong canary-0123456789");
  await dialog.submit.click();
  await expect(dialog.error).toBeVisible();
  await dialog.field("password").fill(ACCEPTED.password);
  await dialog.submit.click();
  await outcome();

  const events = JSON.stringify(await page.evaluate(() => /** @type {any} */ (globalThis).events));
  expect(events).toContain("connected");
  const stored = world.server.stored();
  expect(stored.includes(connectionId)).toBe(true);
  for (const secret of [ACCEPTED.password, "canary-0123456789"]) {
    expect(addresses.join("\n")).not.toContain(secret);
    expect(decodeURIComponent(addresses.join("\n"))).not.toContain(secret);
    expect(console.join("\n")).not.toContain(secret);
    expect(events).not.toContain(secret);
    expect(world.server.log()).not.toContain(secret);
    expect(stored.includes(secret)).toBe(false);
  }
  for (const token of world.app.tokens) {
    expect(world.server.log()).not.toContain(token);
    expect(stored.includes(token)).toBe(false);
  }
});

test("at most five requests show the form, cold", async ({ page, world, dialog, connectionId }) => {
  await page.goto(
    world.app.page("module", {
      integrationId: "acme-key",
      connectionId,
      mint: { tags: {}, connection_id: connectionId, allowed_integrations: ["acme-key"] },
    }),
  );
  await page.waitForLoadState("load");
  /** @type {string[]} */
  const requests = [];
  page.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await page.getByRole("button", { name: "Connect" }).click();
  await expect(dialog.field("apiKey")).toBeFocused();
  // Minting is the customer's own request; the preflight is not listed by the browser.
  expect(requests).toEqual(["POST /connect-session", "GET /connect/session"]);
});
