// What the original's hosted dialog asks of a server, request by request, from a page of another site. The
// dialog itself is on no package registry and under another licence, so it cannot be run here; its requests
// are documented and observed: the session, the list, the provider in the page's language, the credential
// through the stock SDK, and a beacon for each thing that its user does.
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

/**
 * The calls before the form, as the dialog makes them.
 * @param {import("@playwright/test").Page} page @param {string} host @param {string} token @param {string} [provider]
 */
const load = (page, host, token, provider) =>
  page.evaluate(
    async ([host, token, provider]) => {
      const authorization = `Bearer ${token}`;
      /** @param {string} path @param {Record<string, string>} [more] */
      const get = async (path, more) => {
        const answer = await fetch(host + path, { headers: { authorization, ...more } });
        return { status: answer.status, ...(await answer.json()) };
      };
      const session = await get("/connect/session");
      const list = await get("/integrations");
      const name = provider || list.data?.[0].provider;
      const template = await get(`/providers/${name}`, { "accept-language": "de" });
      return { session, list, template };
    },
    /** @type {[string, string, string]} */ ([host, token, provider ?? ""]),
  );

/** @param {import("@playwright/test").Page} page @param {string} host @param {string} token @param {string[]} events */
const beacons = (page, host, token, events) =>
  page.evaluate(
    ([host, token, events]) =>
      events.map((event) => {
        const body = { token, event, timestamp: new Date().toISOString(), dimensions: { integration: "acme-key" } };
        return navigator.sendBeacon(
          `${host}/connect/telemetry`,
          new Blob([JSON.stringify(body)], { type: "application/json" }),
        );
      }),
    /** @type {[string, string, string[]]} */ ([host, token, events]),
  );

test("the dialog's requests list an integration, connect a key and report what was done", async ({ page, world }) => {
  const host = world.server.url;
  const { data } = await world.sdk.createConnectSession({
    end_user: { id: "dialog-1", email: "ada@acme.example" },
    allowed_integrations: ["acme-key"],
  });
  await page.goto(world.app.page("stock", { integrationId: "acme-key" }));
  const { session, list, template } = await load(page, host, data.token);

  expect(session).toMatchObject({
    status: 200,
    data: {
      endUser: { id: "dialog-1", email: "ada@acme.example", organization: null },
      connectUISettings: { showWatermark: expect.any(Boolean), defaultTheme: "system", theme: expect.any(Object) },
      allowed_integrations: ["acme-key"],
      websocketsPath: "/",
    },
  });
  expect(list.status).toBe(200);
  expect(list.data).toHaveLength(1);
  expect(list.data[0]).toMatchObject({ unique_key: "acme-key", provider: "acme-key", display_name: "Acme Mail" });
  const logo = await page.request.get(list.data[0].logo);
  expect(logo.headers()["content-type"]).toContain("image/svg+xml");
  expect(template).toMatchObject({
    status: 200,
    data: { name: "acme-key", auth_mode: "API_KEY", credentials: { apiKey: { type: "string" } } },
  });

  /** @type {number[]} */
  const answers = [];
  page.on("response", (answer) => {
    const beacon = answer.url().endsWith("/connect/telemetry") && answer.request().method() === "POST";
    if (beacon) answers.push(answer.status());
  });
  expect(await beacons(page, host, data.token, ["open", "view:integration"])).toEqual([true, true]);
  await expect.poll(() => answers).toEqual([204, 204]);

  const connected = await page.evaluate(
    async ([host, token, apiKey]) => {
      const { default: Nango } = await import("/stock-sdk.js");
      // The `type` is the dialog's own way; the SDK's types know it of other modes only.
      const credentials = /** @type {any} */ ({ apiKey, type: "API_KEY" });
      const nango = new Nango({ host, connectSessionToken: token });
      return nango.auth("acme-key", { params: {}, credentials, detectClosedAuthWindow: false });
    },
    [host, data.token, ACCEPTED.apiKey],
  );
  expect(connected).toMatchObject({ providerConfigKey: "acme-key", connectionId: expect.any(String) });
  expect(await world.sdk.getToken("acme-key", connected.connectionId)).toEqual({
    type: "API_KEY",
    apiKey: ACCEPTED.apiKey,
  });

  await beacons(page, host, data.token, ["click:connect", "view:success", "click:finish"]);
  await expect.poll(() => answers).toEqual([204, 204, 204, 204, 204]);
});

test("an ended session is a 401, by which the dialog knows", async ({ page, world }) => {
  const { data } = await world.sdk.createConnectSession({ tags: {} });
  await page.goto(world.app.page("stock", { integrationId: "acme-key" }));
  const ended = await page.evaluate(
    async ([host, token]) => {
      const authorization = `Bearer ${token}`;
      const end = await fetch(`${host}/connect/session`, { method: "DELETE", headers: { authorization } });
      const after = await fetch(`${host}/connect/session`, { headers: { authorization } });
      return { end: end.status, after: after.status, ...(await after.json()) };
    },
    [world.server.url, data.token],
  );
  expect(ended).toMatchObject({ end: 204, after: 401, error: { code: "unknown_connect_session_token" } });
});

test("a private API shows its label and its inputs, to the stock dialog and to ours", async ({
  page,
  world,
  open,
  dialog,
  outcome,
  connectionId,
}) => {
  const settings = {
    baseUrl: `${world.provider.url}/w/\${connectionConfig.team}`,
    keyLabel: "Access token",
    fields: { team: { type: "string", title: "Team", order: 1 } },
    verificationPath: "/me",
  };
  for (const key of ["billing", "ledger"]) {
    const integration = { provider: "private-api-bearer", unique_key: key, integration_config: settings };
    await world.sdk.createIntegration(/** @type {any} */ (integration));
  }
  const { data } = await world.sdk.createConnectSession({ tags: {}, allowed_integrations: ["billing"] });
  await page.goto(world.app.page("stock", { integrationId: "billing" }));
  const { list, template } = await load(page, world.server.url, data.token);
  expect(list.data[0].credentials_label).toEqual({ apiKey: "Access token" });
  expect(template.data.connection_config).toEqual({ team: { type: "string", title: "Team", order: 1 } });

  // Ours, in a session that is for every integration, so that the form is fetched by itself.
  await open({ integrationId: "ledger", connectionId });
  await expect(dialog.root.getByText("Access token", { exact: true })).toBeVisible();
  await dialog.field("team").fill("lovelace");
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  expect((await outcome()).result).toMatchObject({ providerConfigKey: "ledger", connectionId });
  expect(world.provider.seen.at(-1)).toMatchObject({ path: "/w/lovelace/me" });
});
