// The stock `@nangohq/node`, unmodified, against the server.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { Nango } from "@nangohq/node";
import { expect, test } from "./fixtures.mjs";
import { startServer } from "./keyslot-server.mjs";
import { ACCEPTED, PROVIDERS } from "./provider-api.mjs";

/** A connection made the way a browser makes it, without a browser. */
async function connect(
  /** @type {import("./fixtures.mjs").World} */ world,
  /** @type {string} */ integration,
  /** @type {object} */ mint = { tags: {} },
) {
  const { data } = await world.sdk.createConnectSession(/** @type {any} */ (mint));
  const basic = integration === "acme-basic";
  const answer = await fetch(
    `${world.server.url}/api-auth/${basic ? "basic" : "api-key"}/${integration}?connect_session_token=${data.token}`,
    {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(
        basic ? { username: ACCEPTED.username, password: ACCEPTED.password } : { apiKey: ACCEPTED.apiKey },
      ),
    },
  );
  expect(answer.status).toBe(200);
  return /** @type {Promise<{ connectionId: string, providerConfigKey: string }>} */ (answer.json());
}

test("createConnectSession gives a token, a link and an end", async ({ world }) => {
  const { data } = await world.sdk.createConnectSession({
    end_user: { id: "u1", email: "u1@acme.example" },
    allowed_integrations: ["acme-key"],
  });
  expect(data.token).toMatch(/^nango_connect_session_[0-9a-f]{64}$/);
  expect(data.connect_link).toContain(data.token);
  expect(Date.parse(data.expires_at) - Date.now()).toBeGreaterThan(25 * 60_000);
});

test("getConnection and getToken read what was stored", async ({ world }) => {
  const { connectionId } = await connect(world, "acme-key", { end_user: { id: "u2", email: "u2@acme.example" } });
  const connection = await world.sdk.getConnection("acme-key", connectionId);
  expect(connection).toMatchObject({
    connection_id: connectionId,
    provider_config_key: "acme-key",
    provider: "acme-key",
    errors: [],
    metadata: {},
    connection_config: {},
    end_user: { id: "u2", email: "u2@acme.example" },
    credentials: { type: "API_KEY", apiKey: ACCEPTED.apiKey },
  });
  expect(Number.isInteger(connection.id)).toBe(true);
  expect(await world.sdk.getToken("acme-key", connectionId)).toEqual({ type: "API_KEY", apiKey: ACCEPTED.apiKey });
});

test("getToken of a Basic connection gives both parts", async ({ world }) => {
  const { connectionId } = await connect(world, "acme-basic");
  expect(await world.sdk.getToken("acme-basic", connectionId)).toEqual({
    type: "BASIC",
    username: ACCEPTED.username,
    password: ACCEPTED.password,
  });
});

test("listConnections finds by connection id, by user, by integration and by tag", async ({ world }) => {
  const mine = await connect(world, "acme-key", { end_user: { id: "lister" }, tags: { Team: "red" } });
  await connect(world, "acme-basic", { end_user: { id: "lister" } });
  const ids = async (/** @type {any} */ query) =>
    (await world.sdk.listConnections(query)).connections.map((entry) => entry.connection_id);
  expect(await ids({ connectionId: mine.connectionId })).toEqual([mine.connectionId]);
  expect(await ids({ userId: "lister" })).toHaveLength(2);
  expect(await ids({ userId: "lister", integrationId: "acme-key" })).toEqual([mine.connectionId]);
  expect(await ids({ tags: { Team: "red" } })).toEqual([mine.connectionId]);
  expect(await ids({ userId: "nobody" })).toEqual([]);
  const all = (await world.sdk.listConnections()).connections;
  expect(all.length).toBeGreaterThanOrEqual(2);
  expect(JSON.stringify(all)).not.toContain(ACCEPTED.apiKey);
});

test("deleteConnection takes a connection away; a second time it is unknown", async ({ world }) => {
  const { connectionId } = await connect(world, "acme-key");
  expect((await world.sdk.deleteConnection("acme-key", connectionId)).data).toEqual({ success: true });
  await expect(world.sdk.getConnection("acme-key", connectionId)).rejects.toMatchObject({
    response: { status: 404, data: { error: { code: "not_found" } } },
  });
  await expect(world.sdk.deleteConnection("acme-key", connectionId)).rejects.toMatchObject({
    response: { status: 400, data: { error: { code: "unknown_connection" } } },
  });
});

test("integrations can be made, listed, read and deleted", async ({ world }) => {
  const made = await world.sdk.createIntegration({
    provider: "acme-key",
    unique_key: "acme-made",
    display_name: "Made here",
  });
  expect(made.data).toMatchObject({ unique_key: "acme-made", provider: "acme-key", display_name: "Made here" });
  const { configs } = await world.sdk.listIntegrations();
  expect(configs.map((entry) => entry.unique_key)).toContain("acme-made");
  const { data } = await world.sdk.getIntegration({ uniqueKey: "acme-made" });
  expect(data).toMatchObject({ unique_key: "acme-made", provider: "acme-key", display_name: "Made here" });
  expect((await world.sdk.deleteIntegration("acme-made")).data).toEqual({ success: true });
  await expect(world.sdk.getIntegration({ uniqueKey: "acme-made" })).rejects.toMatchObject({
    response: { status: 404, data: { error: { code: "not_found" } } },
  });
});

test("an integration of an unknown provider, and a second one of the same key, are refused", async ({ world }) => {
  await expect(world.sdk.createIntegration({ provider: "no-such", unique_key: "x" })).rejects.toMatchObject({
    response: { status: 400, data: { error: { code: "invalid_body" } } },
  });
  await expect(world.sdk.createIntegration({ provider: "acme-key", unique_key: "acme-key" })).rejects.toMatchObject({
    response: { status: 400, data: { error: { code: "invalid_body" } } },
  });
});

test("updateIntegration changes what is given", async ({ world }) => {
  await world.sdk.createIntegration({ provider: "acme-key", unique_key: "acme-renamed" });
  const { data } = await world.sdk.updateIntegration({ uniqueKey: "acme-renamed" }, { display_name: "Another name" });
  expect(data).toMatchObject({ unique_key: "acme-renamed", display_name: "Another name" });
  await world.sdk.deleteIntegration("acme-renamed");
});

test("createReconnectSession replaces the credential and keeps metadata and tags", async ({ world }) => {
  const { connectionId } = await connect(world, "acme-basic", { end_user: { id: "again" }, tags: { team: "red" } });
  await world.sdk.setMetadata("acme-basic", connectionId, { kept: true });
  const { data } = await world.sdk.createReconnectSession({
    connection_id: connectionId,
    integration_id: "acme-basic",
  });
  const answer = await fetch(`${world.server.url}/api-auth/basic/acme-basic?connect_session_token=${data.token}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: ACCEPTED.username, password: ACCEPTED.password }),
  });
  expect(await answer.json()).toMatchObject({ connectionId });
  const connection = await world.sdk.getConnection("acme-basic", connectionId);
  expect(connection).toMatchObject({ metadata: { kept: true }, tags: { team: "red", end_user_id: "again" } });
  await expect(
    world.sdk.createReconnectSession({ connection_id: "nobody", integration_id: "acme-basic" }),
  ).rejects.toMatchObject({ response: { status: 400, data: { error: { code: "invalid_body" } } } });
});

test("patchConnection changes labels and end user", async ({ world }) => {
  const { connectionId } = await connect(world, "acme-key");
  const target = { connectionId, provider_config_key: "acme-key" };
  expect(await world.sdk.patchConnection(target, { end_user: { id: "patched" }, tags: { plan: "pro" } })).toEqual({
    success: true,
  });
  const { tags, end_user } = await world.sdk.getConnection("acme-key", connectionId);
  expect(tags).toEqual({ plan: "pro", end_user_id: "patched" });
  expect(end_user).toMatchObject({ id: "patched" });
});

test("getRawTokenResponse has nothing to give, and waitForConnection finds what a user connected", async ({
  world,
}) => {
  const { connectionId } = await connect(world, "acme-key", { end_user: { id: "awaited" } });
  expect(await world.sdk.getRawTokenResponse("acme-key", connectionId)).toBeUndefined();
  expect(await world.sdk.waitForConnection("acme-key", "awaited")).toMatchObject({ connection_id: connectionId });
});

test("providers can be listed and read", async ({ world }) => {
  const { data } = await world.sdk.getProvider({ provider: "acme-basic" });
  expect(data).toMatchObject({ name: "acme-basic", display_name: "Acme Desk", auth_mode: "BASIC" });
  const names = (await world.sdk.listProviders({ search: "acme" })).data.map((provider) => provider.name);
  expect(names.sort()).toEqual(PROVIDERS.toSorted());
});

test("metadata is replaced by setMetadata and merged by updateMetadata", async ({ world }) => {
  const { connectionId } = await connect(world, "acme-key");
  await world.sdk.setMetadata("acme-key", connectionId, { a: 1, b: 2 });
  await world.sdk.updateMetadata("acme-key", connectionId, { b: 3 });
  expect(await world.sdk.getMetadata("acme-key", connectionId)).toEqual({ a: 1, b: 3 });
  await world.sdk.setMetadata("acme-key", connectionId, { c: 4 });
  expect(await world.sdk.getMetadata("acme-key", connectionId)).toEqual({ c: 4 });
});

test("get, post, put, patch and delete reach the vendor with the connection's key", async ({ world }) => {
  const { connectionId } = await connect(world, "acme-key");
  const call = { connectionId, providerConfigKey: "acme-key", endpoint: "/v1/echo?a=1", params: { b: "x y" } };
  for (const method of /** @type {const} */ (["get", "post", "put", "patch", "delete"])) {
    const { status, data } = await world.sdk[method]({
      ...call,
      headers: { "X-Thing": "7" },
      ...(method === "get" ? {} : { data: { name: "Ada" } }),
    });
    expect(status).toBe(method === "post" ? 201 : 200);
    expect(data).toMatchObject({
      method: method.toUpperCase(),
      authorization: `Bearer ${ACCEPTED.apiKey}`,
      thing: "7",
      body: method === "get" ? "" : '{"name":"Ada"}',
    });
    expect(data.path).toMatch(/^\/v1\/echo\?a=1&b=x(\+|%20)y$/);
  }
  const { data } = await world.sdk.proxy({
    ...call,
    method: "POST",
    data: "<a/>",
    headers: { "Content-Type": "text/xml" },
  });
  expect(data).toMatchObject({ method: "POST", body: "<a/>", type: "text/xml" });
});

test("an object goes to the vendor as a form where its content type says so", async ({ world }) => {
  const { connectionId } = await connect(world, "acme-key");
  const call = { connectionId, providerConfigKey: "acme-key", endpoint: "/v1/echo" };
  // Only the second is turned into a form by the SDK itself.
  for (const name of ["content-type", "Content-Type"]) {
    const headers = { [name]: "application/x-www-form-urlencoded" };
    const { data } = await world.sdk.post({ ...call, data: { to: "+49 30", n: 1, list: ["a"] }, headers });
    expect(data).toMatchObject({ method: "POST", type: expect.stringContaining("x-www-form-urlencoded") });
    expect(decodeURIComponent(data.body)).toBe("to=+49+30&n=1&list[]=a");
  }
});

test("proxy puts Basic credentials in their header and keeps the vendor's refusals", async ({ world }) => {
  const { connectionId } = await connect(world, "acme-basic");
  const target = { connectionId, providerConfigKey: "acme-basic" };
  expect((await world.sdk.get({ ...target, endpoint: "v1/me" })).data).toEqual({ account: { name: "Acme Ltd" } });
  await expect(world.sdk.get({ ...target, endpoint: "/v1/nothing" })).rejects.toMatchObject({
    response: { status: 404, data: { error: "no such path" } },
  });
});

test("proxy tries again when it is asked to", async ({ world }) => {
  const { connectionId } = await connect(world, "acme-key");
  const call = { connectionId, providerConfigKey: "acme-key", endpoint: "/v1/busy-once" };
  expect((await world.sdk.get({ ...call, retries: 1 })).data).toEqual({ served: true });
  await expect(world.sdk.get({ ...call, retries: 0 })).rejects.toMatchObject({ response: { status: 429 } });
  expect((await world.sdk.get({ ...call, retries: 0 })).data).toEqual({ served: true });
});

test("proxy of an unknown connection or integration is told so", async ({ world }) => {
  const call = { connectionId: "nobody", endpoint: "/v1/echo" };
  await expect(world.sdk.get({ ...call, providerConfigKey: "acme-key" })).rejects.toMatchObject({
    response: { status: 400, data: { error: { code: "server_error", message: "Failed to get connection" } } },
  });
  await expect(world.sdk.get({ ...call, providerConfigKey: "nothing" })).rejects.toMatchObject({
    response: { status: 404, data: { error: { code: "unknown_provider_config" } } },
  });
});

test("a webhook that the server sent passes verifyIncomingWebhookRequest, and a changed one does not", async ({
  world,
}) => {
  const { Nango } = await import("@nangohq/node");
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
  /** @type {(value: { body: string, headers: import("node:http").IncomingHttpHeaders }) => void} */
  let arrived = () => {};
  const arrival = new Promise((/** @type {typeof arrived} */ resolve) => (arrived = resolve));
  const receiver = createServer(async (request, answer) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    answer.end();
    arrived({ body, headers: request.headers });
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (receiver.address());
  try {
    const { signing_key: webhookSigningKey } = await call("POST", "/environment/webhook-signing-key");
    await call("PATCH", "/environment", { webhook_url: `http://127.0.0.1:${port}/nango` });
    const { connectionId } = await connect(world, "acme-key", { end_user: { id: "hooked" } });
    const { body, headers } = await arrival;
    const sdk = new Nango({ host: world.server.url, secretKey: world.server.secretKey, webhookSigningKey });
    expect(sdk.verifyIncomingWebhookRequest(body, headers)).toBe(true);
    expect(sdk.verifyWebhookSignature(/** @type {string} */ (headers["x-nango-signature"]), JSON.parse(body))).toBe(
      true,
    );
    expect(sdk.verifyIncomingWebhookRequest(body.replace("creation", "override"), headers)).toBe(false);
    expect(JSON.parse(body)).toMatchObject({
      from: "nango",
      type: "auth",
      operation: "creation",
      success: true,
      connectionId,
      providerConfigKey: "acme-key",
      endUser: { endUserId: "hooked" },
    });
  } finally {
    await call("PATCH", "/environment", { webhook_url: null });
    receiver.close();
  }
});

test("while two signing keys count, verifyIncomingWebhookRequest takes every webhook with either", async ({
  world,
}) => {
  const { Nango } = await import("@nangohq/node");
  /** @param {string} method @param {string} path @param {object} [body] */
  const call = async (method, path, body) => {
    const answer = await fetch(`${world.server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${world.server.secretKey}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    return (await answer.json()).data;
  };
  const renew = async () => (await call("POST", "/environment/webhook-signing-key")).signing_key;
  const keys = { old: await renew(), new: await renew() };
  /** What each receiver has taken; both refuse what does not verify. */
  const taken = { old: 0, new: 0 };
  const receiver = createServer(async (request, answer) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const which = request.url === "/old" ? "old" : "new";
    const sdk = new Nango({ host: world.server.url, secretKey: "unused", webhookSigningKey: keys[which] });
    const verified = sdk.verifyIncomingWebhookRequest(body, request.headers);
    taken[which] += Number(verified);
    answer.writeHead(verified ? 200 : 401).end();
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (receiver.address());
  const address = (/** @type {string} */ which) => `http://127.0.0.1:${port}/${which}`;
  try {
    await call("PATCH", "/environment", { webhook_url: address("old"), webhook_url_secondary: address("new") });
    await connect(world, "acme-key", { end_user: { id: "hooked-by-either" } });
    await expect.poll(() => taken, { timeout: 15_000 }).toEqual({ old: 1, new: 1 });
    await call("DELETE", "/environment/webhook-signing-key/previous");
    await connect(world, "acme-key", { end_user: { id: "hooked-by-the-new" } });
    await expect.poll(() => taken, { timeout: 15_000 }).toEqual({ old: 1, new: 2 });
  } finally {
    await call("PATCH", "/environment", { webhook_url: null, webhook_url_secondary: null });
    receiver.close();
  }
});

test("a server below a base path is used by its address, whole", async ({ world }) => {
  const catalog = path.join(mkdtempSync(path.join(tmpdir(), "keyslot-base-")), "acme.yaml");
  writeFileSync(catalog, world.provider.catalog);
  const publicUrl = "https://keys.example/x/y";
  const args = ["--catalog", catalog, "--allow-net", "127.0.0.0/8", "--public-url", publicUrl];
  const server = await startServer({ args });
  try {
    // What a reverse proxy in front of it passes on, with the path or without it.
    for (const host of [`${server.url}/x/y`, server.url]) {
      const sdk = new Nango({ host, secretKey: server.secretKey });
      const key = host === server.url ? "without" : "with";
      await sdk.createIntegration({ provider: "acme-key", unique_key: key });
      const { data } = await sdk.createConnectSession(/** @type {any} */ ({ tags: {} }));
      expect(data.connect_link).toBe(`${publicUrl}/connect/?session_token=${data.token}`);
      const answer = await fetch(`${host}/api-auth/api-key/${key}?connect_session_token=${data.token}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ apiKey: ACCEPTED.apiKey }),
      });
      const { connectionId } = await answer.json();
      expect(await sdk.getToken(key, connectionId)).toMatchObject({ apiKey: ACCEPTED.apiKey });
      const { configs } = await sdk.listIntegrations();
      expect(configs[0]?.logo).toMatch(/^https:\/\/keys\.example\/x\/y\/images\//);
      const echoed = await sdk.get({ endpoint: "/v1/echo?x=1", providerConfigKey: key, connectionId });
      expect(echoed.data.path).toBe("/v1/echo?x=1");
      const document = await (await fetch(`${host}/openapi.json`)).json();
      // Relative to the document, so that it is right wherever it is read from.
      expect(new URL(document.servers[0].url, `${host}/openapi.json`).href).toBe(`${host}/`);
    }
  } finally {
    await server.stop();
    server.remove();
    rmSync(path.dirname(catalog), { recursive: true, force: true });
  }
});

test("a wrong secret key is told so", async ({ world }) => {
  const { Nango } = await import("@nangohq/node");
  const stranger = new Nango({ host: world.server.url, secretKey: "11111111-2222-4333-8444-555555555555" });
  await expect(stranger.listConnections()).rejects.toMatchObject({
    response: { status: 401, data: { error: { code: "unknown_account" } } },
  });
});
