// The dashboard, as the person who runs the server uses it: a real server with a password, the catalogue
// of the tests, a vendor behind it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test as base } from "@playwright/test";
import { Nango } from "@nangohq/node";
import { Dialog } from "./fixtures.mjs";
import { startServer } from "./keyslot-server.mjs";
import { root } from "../scripts/workspace.mjs";
import { ACCEPTED, startProviderApi } from "./provider-api.mjs";

const PASSWORD = "a password of the operators";

/**
 * @typedef {object} Place
 * @property {import("./keyslot-server.mjs").RunningServer} server
 * @property {string} dashboard
 * @property {Nango} sdk
 */
/**
 * @type {import("@playwright/test").Fixtures<{ dialog: Dialog, quiet: void }, { place: Place },
 *   import("@playwright/test").PlaywrightTestArgs & import("@playwright/test").PlaywrightTestOptions,
 *   import("@playwright/test").PlaywrightWorkerArgs & import("@playwright/test").PlaywrightWorkerOptions>}
 */
const fixtures = {
  place: [
    async ({}, use) => {
      const provider = await startProviderApi();
      const folder = mkdtempSync(path.join(tmpdir(), "keyslot-catalog-"));
      writeFileSync(path.join(folder, "acme.yaml"), provider.catalog);
      const server = await startServer({
        args: ["--catalog", folder, "--allow-net", "127.0.0.0/8"],
        adminPassword: PASSWORD,
      });
      const sdk = new Nango({ host: server.url, secretKey: server.secretKey });
      await use({ server, dashboard: `${server.url}/dashboard`, sdk });
      provider.close();
      await server.stop();
      server.remove();
      rmSync(folder, { recursive: true, force: true });
    },
    { scope: "worker" },
  ],
  dialog: async ({ page }, use) => use(new Dialog(page)),
  // Whatever a test does, no page may break its own policy or throw.
  quiet: [
    async ({ page }, use) => {
      /** @type {string[]} */
      const complaints = [];
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
          complaints.push(message.text());
      });
      await use();
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
};
const test = base.extend(fixtures);

/** @param {import("@playwright/test").Page} page @param {string} address */
async function signIn(page, address) {
  await page.goto(address);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("from an empty database to a backend that reads the key, by what the pages say", async ({
  page,
  place,
  dialog,
}) => {
  await signIn(page, `${place.dashboard}/dev/integrations`);
  await expect(page.getByRole("heading", { name: "Which API shall your users connect?" })).toBeVisible();
  await page.getByRole("link", { name: "New integration" }).click();

  await page.getByRole("searchbox", { name: "Search the catalogue" }).fill("acme mail");
  const cards = page.getByRole("list", { name: "Catalogue" }).getByRole("listitem");
  await expect(cards).toHaveCount(1);
  await cards.getByRole("link").click();
  const asked = page.getByRole("complementary", { name: "What end users will be asked" });
  await expect(asked).toContainText("This API uses an API key.");
  await expect(asked).toContainText("GET /v1/me");
  const [above, below] = await Promise.all(
    [asked, page.getByRole("button", { name: "Save" })].map((part) => part.boundingBox()),
  );
  expect(above && below && above.y + above.height <= below.y, "what is asked stands above Save").toBe(true);
  await page.getByLabel("Integration ID").fill("acme");
  await page.getByLabel("Display name").fill("Acme in production");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { name: "Acme in production" })).toBeVisible();

  await page.getByRole("button", { name: "Auth" }).click();
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  await page.waitForURL(/\/connection\?/);
  await expect(page.getByText("The key was checked and is stored.")).toBeVisible();
  await expect(page.getByText("Works", { exact: true })).toBeVisible();
  await expect(page.locator("main")).toContainText("account Acme Ltd");
  const id = new URL(page.url()).searchParams.get("id") ?? "";
  expect(await page.content()).not.toContain(ACCEPTED.apiKey);
  expect((await place.sdk.getConnection("acme", id)).credentials).toMatchObject({ apiKey: ACCEPTED.apiKey });

  await page.getByRole("button", { name: "Reveal" }).click();
  await expect(page.locator("code.secret")).toHaveText(ACCEPTED.apiKey);
  await page.getByRole("link", { name: "Hide" }).click();
  await expect(page.locator("code.secret")).toHaveText(/^•+.{4}$/);
  await page.getByRole("link", { name: "Activity" }).click();
  await expect(page.getByRole("list", { name: "Audit log" }).getByRole("listitem").first()).toContainText(
    `connection revealed acme/${id}`,
  );

  // The copied line of the guide, run as it is.
  await page.goto(`${place.dashboard}/dev/integration/add?key=acme`);
  const mint = (await page.locator("#session-curl").textContent()) ?? "";
  const env = { ...process.env, KEYSLOT_SECRET_KEY: place.server.secretKey };
  const run = (/** @type {string} */ line) =>
    JSON.parse(execFileSync("sh", ["-c", `${line} --silent`], { env, encoding: "utf8" }));
  const { token } = run(mint).data;
  const answer = await fetch(`${place.server.url}/api-auth/api-key/acme`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ apiKey: ACCEPTED.apiKey }),
  });
  expect(answer.status).toBe(200);
  const read = (await page.locator("#read-curl").textContent()) ?? "";
  expect(run(read)).toMatchObject({ connection_id: "user-42", credentials: { apiKey: ACCEPTED.apiKey } });
});

test("the address that was asked for is there after signing in, and signing out ends it", async ({ page, place }) => {
  await signIn(page, `${place.dashboard}/prod/activity`);
  await expect(page).toHaveURL(`${place.dashboard}/prod/activity`);
  const cookies = await page.context().cookies();
  expect(cookies).toMatchObject([{ name: "keyslot_operator", httpOnly: true, sameSite: "Lax", path: "/dashboard" }]);
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await page.goto(`${place.dashboard}/dev/connections`);
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
});

test("a wrong password is said at the field", async ({ page, place }) => {
  await page.goto(place.dashboard);
  await page.getByLabel("Password").fill("not the password");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("not the password");
  await expect(page.getByLabel("Password")).toBeFocused();
  await expect(page.getByLabel("Password")).toHaveAttribute("aria-invalid", "true");
});

test("a form that cannot be saved keeps what was typed and says what to do", async ({ page, place }) => {
  await signIn(page, `${place.dashboard}/dev/integrations/new?provider=private-api-bearer`);
  await page.getByLabel("Integration ID").fill("bad/id");
  await page.getByLabel("Base URL").fill("nonsense");
  await page.getByLabel("Key label").fill("Access token");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByLabel("Integration ID")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel("Integration ID")).toHaveValue("bad/id");
  await expect(page.getByLabel("Base URL")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel("Key label")).toHaveValue("Access token");
  await page.getByLabel("Integration ID").fill("private");
  await page.getByLabel("Base URL").fill("https://api.example.com/v1");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { name: "Private API (bearer token)" })).toBeVisible();
  await page.goto(`${place.dashboard}/dev/integrations/new?provider=private-api-bearer`);
  await page.getByLabel("Integration ID").fill("private");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Another integration has this ID")).toBeVisible();
});

test("a refused key stays in the dialog, and closing it leaves the page as it was", async ({ page, place, dialog }) => {
  await place.sdk.createIntegration({ provider: "acme-key", unique_key: "refusing" });
  await signIn(page, `${place.dashboard}/dev/integration?key=refusing`);
  await page.getByRole("button", { name: "Auth" }).click();
  await dialog.field("apiKey").fill("acme_wrong");
  await dialog.submit.click();
  await expect(dialog.error).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog.host).toHaveCount(0);
  await expect(page.locator("#auth-problem")).toBeHidden();
  await expect(page.getByRole("button", { name: "Auth" })).toBeFocused();
});

test("an integration that is deleted meanwhile is said on the page", async ({ page, place, dialog }) => {
  await place.sdk.createIntegration({ provider: "acme-key", unique_key: "vanishing" });
  await signIn(page, `${place.dashboard}/dev/integration?key=vanishing`);
  await place.sdk.deleteIntegration("vanishing");
  await page.getByRole("button", { name: "Auth" }).click();
  await expect(dialog.root).toBeVisible();
  await expect(dialog.root).toContainText(/again/);
  await page.keyboard.press("Escape");
  await expect(page.locator("#auth-problem")).toContainText('There is no integration "vanishing".');
});

test("a replaced key keeps the id of its connection", async ({ page, place, dialog }) => {
  await place.sdk.createIntegration({ provider: "acme-key", unique_key: "replacing" });
  const id = `../team/7 "x"`;
  await importKey(place, "replacing", id);
  await signIn(page, `${place.dashboard}/dev/connections?search=team`);
  await page.getByRole("list", { name: "Connections" }).getByRole("link").click();
  await expect(page.getByRole("heading", { name: id })).toBeVisible();
  await page.getByRole("button", { name: "Replace key" }).click();
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  await expect(page.getByText("The key was checked and is stored.")).toBeVisible();
  expect(new URL(page.url()).searchParams.get("id")).toBe(id);
});

test("a connection is deleted only after the box is ticked", async ({ page, place }) => {
  await place.sdk.createIntegration({ provider: "acme-key", unique_key: "deleting" });
  await importKey(place, "deleting", "gone");
  await signIn(page, `${place.dashboard}/dev/connection?integration=deleting&id=gone`);
  await page.getByText("Delete this connection").click();
  await page.getByRole("button", { name: "Delete the connection" }).click();
  await expect(page).toHaveURL(/connection\?integration=deleting/);
  await page.getByRole("checkbox").check();
  await page.getByRole("button", { name: "Delete the connection" }).click();
  await expect(page.getByText("The connection and its credential are deleted.")).toBeVisible();
  await page.goto(`${place.dashboard}/dev/connection?integration=deleting&id=gone`);
  await expect(page.getByRole("heading", { name: "That did not work" })).toBeVisible();
});

test("what is copied is the code, and the page says so", async ({ page, place }) => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await place.sdk.createIntegration({ provider: "acme-key", unique_key: "copying" });
  await signIn(page, `${place.dashboard}/dev/integration/add?key=copying`);
  const snippet = page.getByRole("region", { name: "React" });
  await snippet.getByRole("button", { name: "Copy" }).click();
  await expect(page.getByRole("status")).toHaveText("Copied.");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toContain('await auth("copying", "user-42", {');
  expect(copied).toContain(`host: "${place.server.url}"`);
});

test("every piece of code that the guide shows works as it is copied", async ({ page, place, dialog }) => {
  test.setTimeout(60_000);
  await place.sdk.createIntegration({ provider: "acme-key", unique_key: "guide" });
  await signIn(page, `${place.dashboard}/dev/integration/add?key=guide`);
  const ids = await page.locator(".snippet code").evaluateAll((all) => all.map(({ id }) => id));
  expect(ids.sort()).toEqual([
    "page-npm",
    "page-react",
    "page-script",
    "read-curl",
    "read-node",
    "session-curl",
    "session-node",
  ]);
  const code = Object.fromEntries(
    await page.locator(".snippet code").evaluateAll((all) => all.map(({ id, textContent }) => [id, textContent ?? ""])),
  );
  const env = { ...process.env, KEYSLOT_SECRET_KEY: place.server.secretKey };
  const node = (/** @type {string} */ text) =>
    execFileSync(process.execPath, ["--input-type=module", "--eval", text], {
      cwd: root,
      env,
      encoding: "utf8",
    }).trim();
  const token = () => node(`${code["session-node"]}\nconsole.log(data.token);`);

  const { build } = await import("esbuild");
  const react = await build({
    stdin: {
      contents: `import { createRoot } from "react-dom/client";\n${code["page-react"]}
        const done = ({ connectionId }) => (document.title = connectionId);
        createRoot(document.getElementById("root")).render(<ConnectButton onConnected={done} />);`,
      loader: "jsx",
      resolveDir: root,
    },
    alias: { keyslot: path.join(root, "dist", "index.js") },
    jsx: "automatic",
    bundle: true,
    write: false,
    format: "esm",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const imports = JSON.stringify({ imports: { keyslot: `${place.server.url}/assets/index.js` } });
  /** @type {Record<string, string>} */
  const pages = {
    "/npm": `<script type="importmap">${imports}</script>
      <script type="module">${code["page-npm"]}\ndocument.title = connectionId;</script>`,
    "/script": code["page-script"],
    "/react": `<div id="root"></div><script type="module">${react.outputFiles[0].text}</script>`,
  };
  const app = createServer((request, answer) => {
    if (request.method === "POST" && request.url === "/connect-session") return void answer.end(token());
    answer.setHeader("content-type", "text/html; charset=utf-8");
    answer.end(`<!doctype html><title>App</title><body>${pages[request.url ?? ""] ?? ""}</body>`);
  });
  await new Promise((resolve) => app.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (app.address());
  try {
    for (const kind of ["npm", "script", "react"]) {
      await page.goto(`http://127.0.0.1:${port}/${kind}`);
      if (kind !== "npm") await page.getByRole("button", { name: "Connect" }).click();
      await dialog.field("apiKey").fill(ACCEPTED.apiKey);
      await dialog.submit.click();
      await expect(dialog.host).toHaveCount(0);
      if (kind !== "script") await expect(page).toHaveTitle("user-42");
      const read = node(`${code["session-node"]}\n${code["read-node"]}\nconsole.log(JSON.stringify(credentials));`);
      expect(JSON.parse(read)).toMatchObject({ apiKey: ACCEPTED.apiKey });
      await place.sdk.deleteConnection("guide", "user-42");
    }
  } finally {
    app.close();
    app.closeAllConnections();
  }
});

test("everything but the dialog works without JavaScript", async ({ browser, place }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await signIn(page, `${place.dashboard}/dev/integrations/new?search=freshdesk&category=support`);
  await page.getByRole("link", { name: "Freshdesk", exact: true }).click();
  await page.getByLabel("Integration ID").fill("plain-html");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { name: "Freshdesk" })).toBeVisible();
  await page.getByRole("link", { name: "Settings", exact: true }).last().click();
  await page.getByLabel("Display name").fill("Plain");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { name: "Plain" })).toBeVisible();
  await context.close();
});

test("a key is checked on demand, and the webhook about it can be replayed", async ({ page, place }) => {
  /** @type {string[]} */
  const received = [];
  let status = 204;
  const receiver = createServer((request, answer) => {
    request.resume();
    request.on("end", () => {
      received.push(String(request.headers["webhook-id"]));
      answer.writeHead(status).end();
    });
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (receiver.address());
  try {
    await signIn(page, `${place.dashboard}/dev/webhooks`);
    await page.getByRole("link", { name: "To the settings" }).click();
    const address = page.locator("#webhook_url");
    await address.fill("nonsense");
    await page.getByRole("button", { name: "Save webhooks" }).click();
    await expect(address).toHaveAttribute("aria-invalid", "true");
    await address.fill(`http://127.0.0.1:${port}/hook`);
    await page.getByRole("button", { name: "Save webhooks" }).click();
    await expect(page.getByText("Saved.")).toBeVisible();

    await place.sdk.createIntegration({ provider: "acme-key", unique_key: "checking" });
    await importKey(place, "checking", "held");
    await expect.poll(() => received.length).toBe(1);
    await page.goto(`${place.dashboard}/dev/connection?integration=checking&id=held`);
    await page.getByRole("button", { name: "Check now" }).click();
    await expect(page.getByText("The provider accepts this key.")).toBeVisible();

    await page.goto(`${place.dashboard}/dev/webhooks`);
    const delivery = page.getByRole("list", { name: "Webhooks" }).getByRole("listitem").first();
    await expect(delivery).toContainText("checking/held");
    await expect(delivery).toContainText("delivered");
    await delivery.getByRole("button", { name: /^Replay/ }).click();
    await expect(page.getByText("It was sent once more, under the same ID, and the receiver took it.")).toBeVisible();
    expect(received.length).toBe(2);
    expect(new Set(received).size).toBe(1);
    await expect(page.locator("main")).toContainText('"connectionId": "held"');
    status = 500;
    await page.getByRole("button", { name: "Replay" }).click();
    await expect(page.getByRole("alert")).toContainText("not taken yet: tried once, the last answer was 500");
    await page.getByRole("link", { name: "Webhooks" }).click();
    await page.locator("#operation").selectOption("Connected");
    await page.getByRole("searchbox").fill("CHECKING/held");
    await page.getByRole("button", { name: "Show" }).click();
    await expect(delivery).toContainText("pending");
    await page.locator("#status-filter").selectOption("failed");
    await page.getByRole("button", { name: "Show" }).click();
    await expect(page.getByText("There is none like that.")).toBeVisible();
  } finally {
    await page.goto(`${place.dashboard}/dev/settings`);
    await page.locator("#webhook_url").fill("");
    await page.getByRole("button", { name: "Save webhooks" }).click();
    receiver.close();
    receiver.closeAllConnections();
  }
});

/** The dialog in the frame beside a form. @param {import("@playwright/test").Page} page */
const previewed = (page) => page.frameLocator("iframe").locator("[data-keyslot]");

test("the looks of the connect page are shown in the real dialog as they are typed, and are there for end users", async ({
  page,
  place,
  dialog,
}) => {
  await place.sdk.createIntegration({ provider: "acme-key", unique_key: "branding" });
  await page.route("https://cdn.example/logo.svg", (route) =>
    route.fulfill({ contentType: "image/svg+xml", body: '<svg xmlns="http://www.w3.org/2000/svg" />' }),
  );
  await signIn(page, `${place.dashboard}/dev/settings`);
  await page.getByLabel("Product").fill("Northlight");
  await page.getByLabel("Colour").fill("#0b6e4f");
  await page.getByLabel("Title of the dialog").fill("Link your {provider} account");
  await page.getByLabel("Button of the dialog").fill("Link it");
  await page.getByLabel("Logo").fill("https://cdn.example/logo.svg");
  const submit = previewed(page).locator("[part~=submit]");
  await expect(submit).toHaveText("Link it");
  await expect(submit).toHaveCSS("background-color", "rgb(11, 110, 79)");
  await expect(previewed(page).getByRole("heading", { includeHidden: true })).toHaveText(/^Link your .+ account$/);
  await expect(previewed(page).locator("img")).toHaveAttribute("src", "https://cdn.example/logo.svg");
  await page.getByLabel("Colour").fill("#0b6");
  await expect(page.getByText("Expected a colour such as #4338ca.")).toBeVisible();
  await expect(submit, "the last one that could be shown").toHaveCSS("background-color", "rgb(11, 110, 79)");
  await page.getByLabel("Colour").fill("#0b6e4f");
  await page.getByLabel("Words of the connect page").fill("We read your invoices, nothing else.");
  await page.getByRole("button", { name: "Save connect page" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();

  const { data } = await place.sdk.createConnectSession({
    end_user: { id: "branded" },
    allowed_integrations: ["branding"],
  });
  await page.goto(data.connect_link);
  await expect(dialog.submit).toHaveCSS("background-color", "rgb(11, 110, 79)");
  await expect(dialog.submit).toHaveText("Link it");
  await expect(dialog.root.getByRole("heading")).toHaveText("Link your Acme Mail account");
  await expect(dialog.root.locator("img")).toHaveAttribute("src", "https://cdn.example/logo.svg");
  await page.keyboard.press("Escape");
  await expect(page.getByText("Northlight asked you for access to Acme Mail.")).toBeVisible();
  await expect(page.getByText("We read your invoices, nothing else.")).toBeVisible();
  await expect(page.getByRole("img", { name: "Northlight" })).toBeVisible();
});

test("a private API's dialog is shown as its settings are typed, and typing goes on undisturbed", async ({
  page,
  place,
}) => {
  /** @type {string[]} */
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url()));
  await signIn(page, `${place.dashboard}/dev/integrations/new?provider=private-api-generic`);
  const label = previewed(page).locator("label").first();
  await expect(label).toHaveText("API key");
  await page.getByLabel("Key label").focus();
  await page.keyboard.type("Access token", { delay: 60 });
  await expect(label).toHaveText("Access token");
  await expect(page.getByLabel("Key label")).toBeFocused();
  await expect(page.getByLabel("Key label")).toHaveValue("Access token");
  await page.getByLabel("Display name").fill("Billing of ours");
  await expect(previewed(page).getByRole("heading", { includeHidden: true })).toContainText("Billing of ours");
  await page.getByLabel("More fields").fill('{"region": {"type": "string", "title": "Region"}}');
  await expect(previewed(page).getByText("Region")).toBeVisible();
  await page.getByLabel("More fields").fill('{"region":');
  await expect(page.locator("[data-dialog-says]")).toContainText("More fields: This is not JSON");
  await expect(previewed(page).getByText("Region"), "the last one that could be shown").toBeVisible();
  await page.getByLabel("More headers").fill('{"x-tenant": "s3cret-of-ours"}');
  await page.getByLabel("Key placement").selectOption("query");
  await page.getByLabel("Key name").fill("token");
  await page.getByLabel("More fields").fill("");
  await expect(previewed(page).getByText("Region")).toHaveCount(0);
  expect(addresses.filter((address) => address.includes("s3cret"))).toEqual([]);
  expect(addresses.filter((address) => address.includes("/connect/session"))).toEqual([]);

  await page.getByLabel("Base URL").fill("https://api.example.com/v1");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { name: "Billing of ours" })).toBeVisible();
  await page.getByRole("link", { name: "Settings", exact: true }).last().click();
  await expect(label).toHaveText("Access token");
  await expect(page.getByLabel("Key placement")).toHaveValue("query");
});

test("a key for a backend is made, copied, rotated and revoked", async ({ page, place }) => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const call = async (/** @type {string} */ key) => {
    const answer = await fetch(`${place.server.url}/integrations`, { headers: { authorization: `Bearer ${key}` } });
    return answer.status;
  };
  const copy = async () => {
    await page.getByRole("button", { name: "Copy" }).click();
    await expect(page.getByRole("status")).toHaveText("Copied.");
    return page.evaluate(() => navigator.clipboard.readText());
  };
  await signIn(page, `${place.dashboard}/prod/secret-keys`);
  await expect(page.getByRole("heading", { name: "No backend can call prod yet" })).toBeVisible();
  await page.getByLabel("Name").fill("Billing service");
  await page.getByRole("button", { name: "Make the key" }).click();
  const first = await copy();
  expect(await call(first)).toBe(200);
  await page.getByRole("link", { name: "Secret keys" }).click();
  expect(await page.content()).not.toContain(first);

  const keys = page.getByRole("list", { name: "Secret keys" }).getByRole("listitem");
  await expect(keys).toHaveCount(1);
  await keys.locator("summary").click();
  await keys.getByLabel("This one works on for").selectOption("1 hour");
  await keys.getByRole("button", { name: "Make the new key" }).click();
  const second = await copy();
  expect([await call(first), await call(second)]).toEqual([200, 200]);
  await expect(keys).toHaveCount(2);

  const old = keys.filter({ hasText: "works until" });
  await old.locator("summary").click();
  await old.getByRole("button", { name: "Revoke" }).click();
  await expect(old.getByRole("checkbox")).toBeFocused();
  await old.getByRole("checkbox").check();
  await old.getByRole("button", { name: "Revoke" }).click();
  await expect(page.getByText("The key is revoked.")).toBeVisible();
  expect([await call(first), await call(second)]).toEqual([401, 200]);
});

/** @param {Place} place @param {string} integration @param {string} id */
async function importKey(place, integration, id) {
  const answer = await fetch(`${place.server.url}/connections`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${place.server.secretKey}` },
    body: JSON.stringify({
      provider_config_key: integration,
      connection_id: id,
      credentials: { type: "API_KEY", apiKey: ACCEPTED.apiKey },
    }),
  });
  expect(answer.ok, await answer.text()).toBe(true);
}

test("the catalogue shows its logos and is narrowed by search and category as they are chosen", async ({
  page,
  place,
}) => {
  await signIn(page, `${place.dashboard}/dev/integrations/new`);
  const cards = page.getByRole("list", { name: "Catalogue" }).getByRole("listitem");
  const all = await cards.filter({ visible: true }).count();
  expect(all).toBeGreaterThan(50);
  await page.getByLabel("Category").selectOption({ label: "CRM" });
  const some = await cards.filter({ visible: true }).count();
  expect(some).toBeGreaterThan(0);
  expect(some).toBeLessThan(all);
  for (const words of await cards
    .filter({ visible: true })
    .evaluateAll((found) => found.map((card) => (card instanceof HTMLElement ? card.dataset.words : ""))))
    expect(words?.split(" ")).toContain("crm");
  await page.getByRole("searchbox").fill("nothing of that name");
  await expect(page.getByText("Nothing matches.")).toBeVisible();
  await page.getByLabel("Category").selectOption("");
  await page.getByRole("searchbox").fill("freshdesk");
  await expect(cards.filter({ visible: true })).toHaveCount(1);
  const logo = cards.filter({ visible: true }).locator("img.logo");
  await expect
    .poll(() => logo.evaluate((image) => image instanceof HTMLImageElement && image.naturalWidth > 0))
    .toBe(true);
});

test("an environment is made, used, renamed and deleted, and the switcher follows", async ({ page, place }) => {
  await signIn(page, `${place.dashboard}/dev/settings`);
  await page.getByRole("link", { name: "All environments" }).click();
  await page.getByLabel("Name", { exact: true }).fill("eu west");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Name", { exact: true })).toBeFocused();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("eu west");
  await expect(page.getByText("Use up to 64 of a-z")).toBeVisible();
  await page.getByLabel("Name", { exact: true }).fill("eu-west");
  await page.keyboard.press("Enter");
  const key = await page.getByRole("textbox", { name: "New key" }).inputValue();
  const named = async () => {
    const headers = { authorization: `Bearer ${key}` };
    const answer = await fetch(`${place.server.url}/environment`, { headers });
    return answer.ok ? (await answer.json()).data.name : answer.status;
  };
  expect(await named()).toBe("eu-west");

  const row = page.getByRole("list", { name: "Environments" }).getByRole("listitem").filter({ hasText: "eu-west" });
  await row.getByText("Rename or delete").click();
  await row.getByLabel("New name").fill("europe");
  await row.getByRole("button", { name: "Rename" }).click();
  await expect(page.getByRole("status").filter({ hasText: "its new name" })).toBeVisible();
  expect(await named()).toBe("europe");
  await page.goto(`${place.dashboard}/europe/environments`);
  await expect(page.getByRole("navigation", { name: "Environment" })).toContainText("europe");
  await page.getByLabel("Rename or delete europe").click();
  await page.getByLabel("Type europe to delete it").fill("europ");
  await page.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("Nothing was deleted: type “europe” to confirm.")).toBeVisible();
  await page.getByLabel("Type europe to delete it").fill("europe");
  await page.getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL(`${place.dashboard}/dev/environments?notice=deleted`);
  await expect(page.getByRole("navigation", { name: "Environment" })).not.toContainText("europe");
  expect(await named()).toBe(401);
});

test("environments that are made later are in the switcher, each with what is its own", async ({ page, place }) => {
  const headers = { authorization: `Bearer ${place.server.secretKey}`, "content-type": "application/json" };
  const names = ["branch-41", "branch-42", "an-environment-with-a-name-that-is-longer-than-there-is-room"];
  for (const name of names) {
    const body = JSON.stringify({ name });
    const made = await fetch(`${place.server.url}/environments`, { method: "POST", headers, body });
    expect(made.status).toBe(201);
  }
  await signIn(page, `${place.dashboard}/dev/secret-keys`);
  const switcher = page.locator("summary").filter({ hasText: "Environment:" });
  for (const name of names) {
    await switcher.click();
    const menu = page.getByRole("navigation", { name: "Environment" });
    await expect(menu.getByRole("link")).toHaveCount(2 + names.length);
    await menu.getByRole("link", { name, exact: true }).click();
    await expect(page).toHaveURL(`${place.dashboard}/${name}/settings`);
    await expect(switcher).toContainText(name);
  }
  await page.goto(`${place.dashboard}/branch-41/secret-keys`);
  await expect(page.getByText("First key")).toBeVisible();
  await page.goto(`${place.dashboard}/branch-41/activity`);
  const made = page.getByRole("listitem").filter({ hasText: "environment created" });
  await expect(made).toContainText("127.0.0.1");
  await page.goto(`${place.dashboard}/branch-43/activity`);
  await expect(page.getByText("There is no such environment")).toBeVisible();
});
