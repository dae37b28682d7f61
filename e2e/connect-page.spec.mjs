// The page behind a connect link: for people who have the link and nothing else.
import { expect, test } from "./fixtures.mjs";
import { startServer } from "./keyslot-server.mjs";
import { ACCEPTED } from "./provider-api.mjs";

/** @param {import("./fixtures.mjs").World} world @param {any} terms */
async function link(world, terms) {
  const { data } = await world.sdk.createConnectSession({ end_user: { id: "link-user" }, ...terms });
  return { url: data.connect_link, token: data.token };
}

test("the link opens the dialog, and its token is nowhere once the page is there", async ({ page, world, dialog }) => {
  const { url, token } = await link(world, { allowed_integrations: ["acme-key"] });
  /** @type {string[]} */
  const referrers = [];
  page.on("request", (request) => {
    if (request.url() !== url && request.headers().referer) referrers.push(request.url());
    if (request.url() !== url && request.url().includes(token)) referrers.push(request.url());
  });
  await page.goto(url);
  await expect(dialog.root).toBeVisible();
  expect(page.url()).not.toContain("session_token");
  expect(await page.evaluate(() => document.documentElement.outerHTML)).not.toContain(token);
  expect(
    await page.evaluate(() => JSON.stringify([history.state, { ...localStorage }, { ...sessionStorage }])),
  ).not.toContain(token);
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  await expect(page.getByRole("heading", { name: "Done" })).toBeFocused();
  await expect(page.getByText("Acme Mail (Acme Ltd) is connected.")).toBeVisible();
  expect(referrers).toEqual([]);
  expect(world.server.log()).not.toContain(token);

  // One key, one link.
  await page.goto(url);
  await expect(page.getByRole("heading", { name: "This link no longer works" })).toBeVisible();
});

test("a link for several APIs offers all of them until the person is finished", async ({ page, world, dialog }) => {
  const { url } = await link(world, { allowed_integrations: ["acme-key", "acme-basic"] });
  await page.goto(url);
  await expect(page.getByRole("heading", { name: "What do you want to connect?" })).toBeVisible();
  await expect(dialog.host).toHaveCount(0);
  await page.getByRole("button", { name: "Connect" }).first().click();
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  await expect(page.getByRole("button", { name: /is connected/ })).toBeVisible();
  await expect(dialog.host).toHaveCount(0);
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page.getByRole("heading", { name: "Done" })).toBeVisible();
});

test("closing the dialog leaves a page that opens it again", async ({ page, world, dialog }) => {
  const { url } = await link(world, { allowed_integrations: ["acme-key"] });
  await page.goto(url);
  await expect(dialog.root).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog.host).toHaveCount(0);
  await page.getByRole("button", { name: "Connect" }).click();
  await expect(dialog.root).toBeVisible();
});

test("a link that ended, is made up or was cut off says what to do", async ({ page, world }) => {
  const { url, token } = await link(world, { allowed_integrations: ["acme-key"] });
  await fetch(`${world.server.url}/connect/session`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token}` },
  });
  for (const [address, status, text] of /** @type {[string, number, string][]} */ ([
    [url, 410, "Ask whoever sent it for a new one."],
    [url.replace(/.$/, "x"), 400, "Open the whole link"],
    [url.split("?")[0], 400, "Open the whole link"],
  ])) {
    const answer = await page.goto(address);
    expect(answer?.status()).toBe(status);
    await expect(page.getByText(text)).toBeVisible();
    await expect(page.getByRole("button")).toHaveCount(0);
  }
});

test("a session that ends while the dialog is open ends the page", async ({ page, world, dialog }) => {
  const { url, token } = await link(world, { allowed_integrations: ["acme-key"] });
  await page.goto(url);
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await fetch(`${world.server.url}/connect/session`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token}` },
  });
  await dialog.submit.click();
  await expect(dialog.root).toContainText("open for too long");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("heading", { name: "This link no longer works" })).toBeVisible();
});

test("a link to renew a key keeps the connection", async ({ page, world, dialog, connectionId }) => {
  const answer = await fetch(`${world.server.url}/connections`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${world.server.secretKey}` },
    body: JSON.stringify({
      provider_config_key: "acme-key",
      connection_id: connectionId,
      credentials: { type: "API_KEY", apiKey: ACCEPTED.apiKey },
    }),
  });
  expect(answer.status).toBe(201);
  const { data } = await world.sdk.createReconnectSession({
    connection_id: connectionId,
    integration_id: "acme-key",
    end_user: { id: "link-user" },
  });
  await page.goto(data.connect_link);
  await expect(page.getByRole("heading", { name: /^Renew the key of/, includeHidden: true })).toBeVisible();
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  await expect(page.getByRole("heading", { name: "Done" })).toBeVisible();
  const { connections } = await world.sdk.listConnections({ connectionId });
  expect(connections).toHaveLength(1);
});

test("it works below a base path and forbids frames", async ({ page, dialog }) => {
  const { createServer, request } = await import("node:http");
  /** @type {string} */
  let target = "";
  // A proxy that takes the base path off, as most do.
  const proxy = createServer((incoming, outgoing) => {
    const address = new URL((incoming.url ?? "").replace(/^\/keys/, ""), target);
    const onward = request(address, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (proxy.address());
  const server = await startServer({ dev: true, args: ["--public-url", `http://127.0.0.1:${port}/keys`] });
  target = server.url;
  try {
    const minted = await fetch(`${server.url}/connect/sessions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${server.secretKey}` },
      body: JSON.stringify({ end_user: { id: "u" }, allowed_integrations: ["demo"] }),
    });
    const { data } = await minted.json();
    expect(data.connect_link).toContain(`http://127.0.0.1:${port}/keys/connect/?session_token=`);
    const answer = await page.goto(data.connect_link);
    const headers = answer?.headers() ?? {};
    expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
    expect(headers["referrer-policy"]).toBe("no-referrer");
    await dialog.field("apiKey").fill("demo_live_4cK7pQ2mX9");
    await dialog.submit.click();
    await expect(page.getByRole("heading", { name: "Done" })).toBeVisible();
    await page.goto(`http://127.0.0.1:${port}/keys/dashboard`);
    await page.getByRole("link", { name: "Demo API", exact: true }).click();
    await page.getByRole("button", { name: "Auth" }).click();
    await expect(dialog.field("apiKey")).toBeVisible();
  } finally {
    proxy.close();
    proxy.closeAllConnections();
    await server.stop();
    server.remove();
  }
});

test("a site that the environment names may frame it, and no other", async ({ page, world, dialog }) => {
  const { createServer } = await import("node:http");
  const { url } = await link(world, { allowed_integrations: ["acme-key"] });
  const app = createServer((_, answer) => {
    answer.setHeader("content-type", "text/html; charset=utf-8");
    answer.end(
      `<!doctype html><title>App</title><iframe src="${url}" title="Connect" width="800" height="700"></iframe>`,
    );
  });
  await new Promise((resolve) => app.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (app.address());
  const origin = `http://127.0.0.1:${port}`;
  const allow = async (/** @type {string[]} */ origins) => {
    const answer = await fetch(`${world.server.url}/environment`, {
      method: "PATCH",
      headers: { "content-type": "application/json", authorization: `Bearer ${world.server.secretKey}` },
      body: JSON.stringify({ allowed_origins: origins }),
    });
    expect(answer.status).toBe(200);
  };
  const form = page.frameLocator("iframe").locator('[data-keyslot] [name="apiKey"]');
  try {
    for (const origins of [[], ["https://other.example"]]) {
      await allow(origins);
      const refused = page.waitForEvent("console", (message) => message.text().includes("frame-ancestors"));
      await page.goto(origin);
      await refused;
      await expect(form).toHaveCount(0);
    }
    await allow([origin]);
    await page.goto(origin);
    await form.fill(ACCEPTED.apiKey);
    await page.frameLocator("iframe").locator("[data-keyslot] [part~=submit]").click();
    await expect(page.frameLocator("iframe").getByRole("heading", { name: "Done" })).toBeVisible();
    await expect(dialog.host).toHaveCount(0);
  } finally {
    await allow([]);
    app.close();
    app.closeAllConnections();
  }
});
