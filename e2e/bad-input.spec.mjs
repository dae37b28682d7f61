// Bad input: each kind has its own typed error. Never a hang, a 500 or a raw TypeError.
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

const CASES = [
  { name: "an unknown integration", task: { integrationId: "nobody-knows" }, code: "unknown_integration" },
  { name: "an empty integration id", task: { integrationId: "" }, code: "invalid_argument" },
  { name: "an integration id that is no text", task: { integrationId: 7 }, code: "invalid_argument" },
  { name: "an integration id over 255 characters", task: { integrationId: "a".repeat(256) }, code: "invalid_argument" },
  { name: "an integration id outside the allowed set", task: { integrationId: "a/../b" }, code: "invalid_argument" },
  {
    name: "a connection id over 255 characters",
    task: { integrationId: "acme-key", connectionId: "a".repeat(256) },
    code: "invalid_argument",
  },
  {
    name: "a connection id outside the allowed set",
    task: { integrationId: "acme-key", connectionId: "tab\there" },
    code: "invalid_argument",
  },
  {
    name: "a connection id that is no text",
    task: { integrationId: "acme-key", connectionId: { id: 1 } },
    code: "invalid_argument",
  },
  {
    name: "a host that is no URL",
    task: { integrationId: "acme-key", options: { host: "connect.example" } },
    code: "invalid_host_url",
  },
  {
    name: "a host that is not http",
    task: { integrationId: "acme-key", options: { host: "javascript:alert(1)" } },
    code: "invalid_host_url",
  },
  { name: "no session", task: { integrationId: "acme-key", options: { session: null } }, code: "missing_auth_token" },
  {
    name: "an unknown session token",
    task: { integrationId: "acme-key", options: { session: `nango_connect_session_${"0".repeat(64)}` } },
    code: "connect_session_expired",
  },
  {
    name: "a malformed session token",
    task: { integrationId: "acme-key", options: { session: "what is this" } },
    code: "connect_session_expired",
  },
  {
    name: "an integration that the session does not allow",
    task: { integrationId: "acme-basic", mint: { tags: {}, allowed_integrations: ["acme-key"] } },
    code: "integration_not_allowed",
  },
  {
    name: "headless credentials of the other kind",
    task: { integrationId: "acme-key", options: { credentials: { username: "a", password: "b" } } },
    code: "missing_credentials",
  },
];

for (const { name, task, code } of CASES) {
  test(`${name}: ${code}`, async ({ open, dialog, outcome }) => {
    await open(task);
    const { error } = await outcome();
    expect(error).toMatchObject({ name: "AuthError", code, type: code, isError: true });
    expect(error.message.length).toBeGreaterThan(10);
    await expect(dialog.host).toHaveCount(0);
  });
}

test("a second call for something else while one is open: already_open, and the first goes on", async ({
  page,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  await open({ integrationId: "acme-key", connectionId });
  await expect(dialog.field("apiKey")).toBeFocused();
  const code = await page.evaluate(() => {
    const { keyslot } = /** @type {any} */ (globalThis);
    return keyslot
      .auth("acme-basic", "another", { host: "http://localhost", session: "x" })
      .catch((/** @type {any} */ error) => error.code);
  });
  expect(code).toBe("already_open");
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);
});

test("a second call for the same ids gets the same promise", async ({ page, open, dialog, connectionId }) => {
  await open({ integrationId: "acme-key", connectionId });
  await expect(dialog.root).toBeVisible();
  const same = await page.evaluate((id) => {
    const { keyslot } = /** @type {any} */ (globalThis);
    const first = keyslot.auth("acme-key", id);
    first.catch(() => {});
    return first === keyslot.auth("acme-key", id);
  }, connectionId);
  expect(same).toBe(true);
  await expect(dialog.host).toHaveCount(1);
});

test("a key of 5 MB is refused in the dialog, and the form still works", async ({
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  test.slow(); // the browser itself takes seconds over five megabytes
  await open({ integrationId: "acme-key", connectionId });
  await dialog.field("apiKey").fill("k".repeat(5 * 1024 * 1024));
  await dialog.submit.click();
  await expect(dialog.field("apiKey")).toHaveAttribute("aria-invalid", "true");
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);
});

test("a session may use its end user's id and no other user's, connected or not", async ({
  world,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  const attack = async () => {
    await open({
      integrationId: "acme-key",
      connectionId,
      mint: { end_user: { id: "eve" } },
      options: { credentials: { apiKey: ACCEPTED.apiKey } },
    });
    return (await outcome()).error;
  };
  const free = await attack();
  expect(free).toMatchObject({ code: "connection_id_not_allowed", status: 403 });
  expect(free.message).toContain("connection_ids");

  await open({ integrationId: "acme-key", connectionId, mint: { end_user: { id: connectionId } } });
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result.connectionId).toBe(connectionId);

  const taken = await attack();
  expect({ ...taken, requestId: null }).toEqual({ ...free, requestId: null });
  expect((await world.sdk.getConnection("acme-key", connectionId)).end_user).toMatchObject({ id: connectionId });
});

test("a session bound to one connection id makes no other", async ({ open, outcome, connectionId }) => {
  await open({
    integrationId: "acme-key",
    connectionId: `${connectionId}-other`,
    mint: { tags: {}, connection_id: connectionId },
    options: { credentials: { apiKey: ACCEPTED.apiKey } },
  });
  expect((await outcome()).error.code).toBe("connection_id_not_allowed");
});
