// Every state that the dashboard and the connect page can be seen in, and the way there: for the access
// tests and for the pictures of `npm run screenshots`.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Dialog } from "./fixtures.mjs";
import { startServer } from "./keyslot-server.mjs";
import { REVOCABLE, startProviderApi } from "./provider-api.mjs";

/** The password of the server that {@link startDashboard} starts. */
export const PASSWORD = "a password of the operators";
/** The environment that some states are about, and that the last of them deletes. */
const LATER = "branch-of-the-billing-service";
/** A key that the demo API accepts. */
export const KEY = "demo_live_4cK7pQ2mX9";

/** @typedef {import("@playwright/test").Page} Page */
/**
 * @typedef {object} Place
 * @property {Page} page
 * @property {import("./keyslot-server.mjs").RunningServer} server
 * @property {(address: string) => Promise<unknown>} open a page of the dashboard, by what follows `/dashboard/`
 */
/**
 * @typedef {object} DashboardState
 * @property {string} name
 * @property {(place: Place) => Promise<unknown>} reach from a browser that is signed in
 * @property {true} [outside] it is reached from one that is not
 */

/** A server in development with connections and webhooks of every kind; `stop` ends it and removes it. */
export async function startDashboard() {
  const provider = await startProviderApi();
  const folder = mkdtempSync(path.join(tmpdir(), "keyslot-catalog-"));
  writeFileSync(path.join(folder, "acme.yaml"), provider.catalog);
  const server = await startServer({
    dev: true,
    adminPassword: PASSWORD,
    args: ["--catalog", folder, "--allow-net", "127.0.0.0/8"],
  });
  const stop = async () => {
    provider.close();
    await server.stop();
    server.remove();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await fill(server, provider);
  } catch (error) {
    await stop();
    throw error;
  }
  return { server, stop };
}

/** @param {import("./keyslot-server.mjs").RunningServer} server @param {import("./provider-api.mjs").ProviderApi} provider */
async function fill(server, provider) {
  const connect = (/** @type {object} */ connection) => post(server, "connections", connection);
  await connect({
    provider_config_key: "demo",
    connection_id: "user-1",
    credentials: { type: "API_KEY", apiKey: KEY },
  });
  await connect({
    provider_config_key: "demo",
    connection_id: "user-2",
    credentials: { type: "API_KEY", apiKey: KEY },
    metadata: { plan: "pro" },
    tags: { team: "sales" },
    end_user: { id: "u2", display_name: "Ada", email: "ada@acme.example" },
  });
  await post(server, "integrations", { provider: "acme-key", unique_key: "acme" });
  // The vendor has no such address, so what is sent there stays on its way.
  await post(server, "environment", { webhook_url: `${provider.url}/hook` }, "PATCH");
  await connect({
    provider_config_key: "acme",
    connection_id: "user-3",
    credentials: { type: "API_KEY", apiKey: REVOCABLE },
  });
  provider.revoke();
  await post(server, "connections/user-3/verify?provider_config_key=acme", undefined);
}

/**
 * @param {import("./keyslot-server.mjs").RunningServer} server
 * @param {string} path
 * @param {unknown} body
 * @param {string} [method]
 */
async function post(server, path, body, method = "POST") {
  const answer = await fetch(`${server.url}/${path}`, {
    method,
    headers: { "content-type": "application/json", authorization: `Bearer ${server.secretKey}` },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** @param {Page} page @param {string} address */
export async function signIn(page, address) {
  await page.goto(address);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** @param {string} name @param {string} address @returns {DashboardState} */
const at = (name, address) => ({ name, reach: ({ open }) => open(address) });

/** @param {Place} place @param {string[]} [integrations] */
async function link({ server }, integrations = ["demo"]) {
  const terms = { end_user: { id: "link-user" }, allowed_integrations: integrations };
  const { data } = await post(server, "connect/sessions", terms);
  return /** @type {string} */ (data.connect_link);
}

/** @type {DashboardState[]} */
export const DASHBOARD_STATES = [
  {
    name: "sign-in",
    outside: true,
    reach: ({ page, server }) => page.goto(`${server.url}/dashboard`),
  },
  {
    name: "sign-in-wrong",
    outside: true,
    reach: async ({ page, server }) => {
      await page.goto(`${server.url}/dashboard`);
      await page.getByLabel("Password").fill("a wrong password");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").waitFor();
    },
  },
  at("integrations", "dev/integrations"),
  at("integrations-no-match", "dev/integrations?search=nothing-of-that-name"),
  at("integrations-none", "prod/integrations"),
  at("catalogue", "dev/integrations/new"),
  at("catalogue-category", "dev/integrations/new?category=crm"),
  at("catalogue-no-match", "dev/integrations/new?search=nothing-of-that-name"),
  at("integration-new", "dev/integrations/new?provider=freshdesk"),
  at("integration-new-generic", "dev/integrations/new?provider=private-api-bearer"),
  {
    name: "integration-new-refused",
    reach: async ({ page, open }) => {
      await open("dev/integrations/new?provider=private-api-bearer");
      await page.getByLabel("Base URL").fill("nonsense");
      await page.getByRole("button", { name: "Save" }).click();
      await page.locator("[aria-invalid=true]").waitFor();
    },
  },
  at("integration", "dev/integration?key=demo"),
  at("integration-made", "dev/integration?key=openai&notice=made"),
  at("integration-add", "dev/integration/add?key=demo"),
  at("integration-settings", "dev/integration/settings?key=demo"),
  {
    name: "integration-settings-conflict",
    reach: async ({ page, open }) => {
      await open("dev/integration/settings?key=openai");
      await page.locator("[name=version]").evaluate((field) => field.setAttribute("value", "1"));
      await page.getByLabel("Display name").fill("Ours");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("alert").first().waitFor();
    },
  },
  at("invite", "dev/invite?integration=demo"),
  {
    name: "invite-link",
    reach: async ({ page, open }) => {
      await open("dev/invite?integration=demo");
      await page.getByRole("button", { name: "Make the link" }).click();
      await page.getByLabel("Link").waitFor();
    },
  },
  at("connections", "dev/connections"),
  at("connections-none", "prod/connections"),
  at("connections-needs-attention", "dev/connections?health=needs_attention"),
  at("connections-none-like-that", "dev/connections?health=unknown"),
  at("connections-no-match", "dev/connections?search=nobody-of-that-name"),
  at("connection", "dev/connection?integration=demo&id=user-2&notice=connected"),
  at("connection-reads", "dev/connection?integration=demo&id=user-1&reads=shown"),
  at("connection-needs-attention", "dev/connection?integration=acme&id=user-3"),
  {
    name: "connection-revealed",
    reach: async ({ page, open }) => {
      await open("dev/connection?integration=demo&id=user-1");
      await page.getByRole("button", { name: "Reveal" }).click();
      await page.getByRole("link", { name: "Hide" }).waitFor();
    },
  },
  at("activity", "dev/activity"),
  at("activity-object", "dev/activity?object=connection%3Ademo%2Fuser-2"),
  at("activity-no-match", "dev/activity?search=nothing-of-that-name"),
  at("activity-changes", "dev/activity?changes=only"),
  at("activity-sign-ins", "prod/activity"),
  at("webhooks", "dev/webhooks"),
  {
    name: "webhook",
    reach: async ({ page, open }) => {
      await open("dev/webhooks");
      await page.getByRole("list", { name: "Webhooks" }).getByRole("link").first().click();
      await page.getByRole("heading", { name: "Delivery" }).waitFor();
    },
  },
  at("webhooks-none", "prod/webhooks"),
  at("webhooks-no-match", "dev/webhooks?status=failed"),
  at("settings", "dev/settings"),
  {
    name: "settings-refused",
    reach: async ({ page, open }) => {
      await open("dev/settings");
      await page.locator("#accent").fill("red");
      await page.getByRole("button", { name: "Save connect page" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "settings-conflict",
    reach: async ({ page, open }) => {
      await open("dev/settings");
      await page
        .locator("[name=version]")
        .nth(1)
        .evaluate((field) => field.setAttribute("value", "1"));
      await page.getByLabel("Product").fill("Ours");
      await page.getByRole("button", { name: "Save connect page" }).click();
      await page.getByRole("alert").first().waitFor();
    },
  },
  at("settings-key-new", "dev/settings/key?purpose=webhooks"),
  {
    name: "settings-key-made",
    reach: async ({ page, open }) => {
      // One that nobody has seen does not count beside a new one: the first is made, and then another.
      // The first ends those of an earlier visit: only so many may count at once.
      for (const before of ["end", "day"]) {
        await open("dev/settings/key?purpose=hmac");
        await page.locator(`input[name=before][value=${before}]`).check();
        await page.getByRole("button", { name: "Make the new key" }).click();
        await page.getByRole("textbox", { name: "New key" }).waitFor();
      }
      await page.getByText("before this one counts until").click();
    },
  },
  at("settings-key-gone", "dev/settings?made=0"),
  at("secret-keys", "dev/secret-keys"),
  at("secret-keys-none", "prod/secret-keys"),
  {
    name: "secret-keys-made",
    reach: async ({ page, open }) => {
      await open("dev/secret-keys");
      await page.getByLabel("Name").fill("Billing service");
      await page.getByRole("button", { name: "Make the key" }).click();
      await page.getByRole("textbox", { name: "New key" }).waitFor();
    },
  },
  at("environments", "dev/environments"),
  {
    name: "environments-refused",
    reach: async ({ page, open }) => {
      await open("dev/environments");
      await page.getByLabel("Name", { exact: true }).fill("Not a name");
      await page.getByRole("button", { name: "Make the environment" }).click();
      await page.locator("[aria-invalid=true]").waitFor();
    },
  },
  {
    // Its name is too long for the two others beside it: from here on, environments are in a list that opens.
    name: "environments-made",
    reach: async ({ page, open }) => {
      await open("dev/environments");
      await page.getByLabel("Name", { exact: true }).fill(LATER);
      await page.getByRole("button", { name: "Make the environment" }).click();
      await page.getByRole("textbox", { name: "New key" }).waitFor();
    },
  },
  {
    name: "environments-rename-refused",
    reach: async ({ page, open }) => {
      await open("dev/environments");
      await page.getByText("Rename or delete").click();
      await page.getByLabel("New name").fill("prod");
      await page.getByRole("button", { name: "Rename" }).click();
      await page.locator("[aria-invalid=true]").waitFor();
    },
  },
  {
    name: "environments-delete-refused",
    reach: async ({ page, open }) => {
      await open("dev/environments");
      await page.getByText("Rename or delete").click();
      await page.getByLabel(`Type ${LATER}`).fill("prod");
      await page.getByRole("button", { name: "Delete" }).click();
      await page.locator("[aria-invalid=true]").waitFor();
    },
  },
  {
    name: "environments-gone",
    reach: async ({ page, open }) => {
      await open("dev/environments");
      await page.getByText("Rename or delete").click();
      await page
        .locator("[name=of]")
        .first()
        .evaluate((field) => field.setAttribute("value", "renamed-meanwhile"));
      await page.getByLabel("New name").fill("other");
      await page.getByRole("button", { name: "Rename" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "environments-in-use",
    reach: async ({ page, open }) => {
      await open(`${LATER}/integrations/new?provider=openai`);
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("The integration is ready").waitFor();
      await open("dev/environments");
    },
  },
  {
    name: "switcher",
    reach: async ({ page, open }) => {
      await open(`${LATER}/activity`);
      await page.locator(".switcher summary").click();
      await page.getByRole("navigation", { name: "Environment" }).waitFor();
    },
  },
  {
    name: "environments-deleted",
    reach: async ({ page, open }) => {
      await open(`${LATER}/integration/settings?key=openai`);
      await page.getByText("Delete this integration").click();
      await page.locator("[name=confirm]").fill("openai");
      await page.getByRole("button", { name: "Delete the integration" }).click();
      await page.getByRole("heading", { name: "Integrations" }).waitFor();
      await open("dev/environments");
      await page.getByText("Rename or delete").click();
      await page.getByLabel(`Type ${LATER}`).fill(LATER);
      await page.getByRole("button", { name: "Delete" }).click();
      await page.getByRole("status").filter({ hasText: "is deleted" }).waitFor();
    },
  },
  at("no-page", "dev/nothing"),
  {
    name: "no-page-outside",
    outside: true,
    reach: ({ page, server }) => page.goto(`${server.url}/dashboard/dev/nothing`),
  },
  {
    name: "connect-closed",
    reach: async (place) => {
      await place.page.goto(await link(place));
      const dialog = new Dialog(place.page);
      await dialog.root.waitFor();
      await place.page.keyboard.press("Escape");
      await dialog.host.waitFor({ state: "detached" });
    },
  },
  {
    name: "connect-several",
    reach: async (place) => place.page.goto(await link(place, ["demo", "openai"])),
  },
  {
    name: "connect-done",
    reach: async (place) => {
      await place.page.goto(await link(place));
      const dialog = new Dialog(place.page);
      await dialog.field("apiKey").fill(KEY);
      await dialog.submit.click();
      await dialog.host.waitFor({ state: "detached" });
      await place.page.getByRole("heading", { name: "Done" }).waitFor();
    },
  },
  {
    name: "connect-ended",
    reach: ({ page, server }) =>
      page.goto(`${server.url}/connect/?session_token=nango_connect_session_${"0".repeat(64)}`),
  },
  {
    name: "connect-cut-off",
    reach: ({ page, server }) => page.goto(`${server.url}/connect/`),
  },
  {
    // As the stock SDK frames it, on a site that no environment names.
    name: "connect-frame-refused",
    reach: async ({ page, server }) => {
      await page.goto(`${server.url}/connect/?apiURL=here`, { referer: "https://nobody.example/" });
      await page.getByRole("heading", { name: "This site may not" }).waitFor();
    },
  },
];
