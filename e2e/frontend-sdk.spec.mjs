// The stock `@nangohq/frontend`, headless, in a real browser, against the server.
import { createHmac } from "node:crypto";
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

test("an API key connects", async ({ world, open, outcome }) => {
  await open({ integrationId: "acme-key", options: { credentials: { apiKey: ACCEPTED.apiKey } } }, "stock");
  const { result } = await outcome();
  expect(result).toMatchObject({ providerConfigKey: "acme-key" });
  expect(await world.sdk.getToken("acme-key", result.connectionId)).toEqual({
    type: "API_KEY",
    apiKey: ACCEPTED.apiKey,
  });
});

test("a user name and a password connect, with parameters in the address", async ({ world, open, outcome }) => {
  const credentials = { username: ACCEPTED.username, password: ACCEPTED.password };
  await open({ integrationId: "acme-basic", options: { credentials, params: { note: "ä & b" } } }, "stock");
  const { result } = await outcome();
  const connection = await world.sdk.getConnection("acme-basic", result.connectionId);
  expect(connection.credentials).toEqual({ type: "BASIC", ...credentials });
  expect(connection.connection_config).toEqual({ note: "ä & b" });
});

test("a wrong key rejects with the SDK's own error and a message", async ({ open, outcome }) => {
  await open({ integrationId: "acme-key", options: { credentials: { apiKey: "acme_live_wrong00000000" } } }, "stock");
  const { error } = await outcome();
  expect(error).toMatchObject({ type: "connection_test_failed", isError: true });
  expect(error.message).not.toBe("");
});

test("an empty key rejects with a message, where the original server gives none", async ({ open, outcome }) => {
  await open({ integrationId: "acme-key", options: { credentials: { apiKey: "" } } }, "stock");
  const { error } = await outcome();
  expect(error.type).toBe("invalid_body");
  expect(error.message).not.toBe("");
});

test("an unknown integration rejects with Nango's own code", async ({ open, outcome }) => {
  await open({ integrationId: "nobody-knows", options: { credentials: { apiKey: "x" } } }, "stock");
  expect((await outcome()).error.type).toBe("unknown_provider_config");
});

test("an old page connects with a public key and its backend's proof of the connection id", async ({
  world,
  open,
  outcome,
}) => {
  /** @param {string} method @param {string} path @param {object} [body] */
  const call = async (method, path, body) => {
    const answer = await fetch(`${world.server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${world.server.secretKey}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    expect(answer.ok).toBe(true);
    return (await answer.json()).data;
  };
  const { public_key: publicKey } = await call("PATCH", "/environment", {
    public_key_enabled: true,
    hmac_enabled: true,
  });
  const { hmac_key } = await call("POST", "/environment/hmac-key");
  try {
    const credentials = { apiKey: ACCEPTED.apiKey };
    const hmac = createHmac("sha256", hmac_key).update("acme-key:old-page-1").digest("hex");
    const task = { integrationId: "acme-key", connectionId: "old-page-1", options: { publicKey, hmac, credentials } };
    await open(task, "stock");
    expect((await outcome()).result).toMatchObject({ connectionId: "old-page-1", providerConfigKey: "acme-key" });
    await open({ ...task, connectionId: "old-page-2" }, "stock");
    expect((await outcome()).error.type).toBe("invalid_hmac");
  } finally {
    await call("PATCH", "/environment", { public_key_enabled: false, hmac_enabled: false });
  }
});
