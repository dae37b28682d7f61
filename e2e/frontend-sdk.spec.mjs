// The stock `@nangohq/frontend`, headless, in a real browser, against the server.
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
