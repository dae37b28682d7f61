// What every test has at hand: a server with three integrations, the vendor's API behind them, a
// customer's app in front of them, and the stock Node SDK.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test as base, expect } from "@playwright/test";
import { Nango } from "@nangohq/node";
import { startCustomerApp } from "./customer-app.mjs";
import { startServer } from "./keyslot-server.mjs";
import { PROVIDERS, startProviderApi } from "./provider-api.mjs";

export { expect };

/**
 * @typedef {object} World
 * @property {import("./keyslot-server.mjs").RunningServer} server
 * @property {import("./provider-api.mjs").ProviderApi} provider
 * @property {import("./customer-app.mjs").CustomerApp} app
 * @property {Nango} sdk
 * @property {() => Promise<void>} close
 */

/**
 * @param {{ release?: boolean, database?: string }} [options] `release`: the server as it is shipped, for
 *   benchmarks; the URL of the database, SQLite in a folder of its own by default
 * @returns {Promise<World>}
 */
export async function startWorld({ release, database } = {}) {
  const provider = await startProviderApi();
  const folder = mkdtempSync(path.join(tmpdir(), "keyslot-catalog-"));
  const catalog = path.join(folder, "acme.yaml");
  writeFileSync(catalog, provider.catalog);
  const args = ["--catalog", catalog, "--allow-net", "127.0.0.0/8"];
  const server = await startServer({ release, args: database ? [...args, "--database", database] : args });
  const sdk = new Nango({ host: server.url, secretKey: server.secretKey });
  for (const name of PROVIDERS) await sdk.createIntegration({ provider: name, unique_key: name });
  const app = await startCustomerApp({ host: server.url, secretKey: server.secretKey });
  return {
    server,
    provider,
    app,
    sdk,
    close: async () => {
      app.close();
      provider.close();
      await server.stop();
      server.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The dialog as a person meets it. */
export class Dialog {
  /** @param {import("@playwright/test").Page} page */
  constructor(page) {
    this.page = page;
    this.host = page.locator("[data-keyslot]");
    this.root = page.getByRole("dialog");
    this.error = page.locator("[data-keyslot] [part~=error]");
    this.success = page.locator("[data-keyslot] [part~=success]");
    this.submit = page.locator("[data-keyslot] [part~=submit]");
    this.note = page.locator("[data-keyslot] [part~=note]:visible");
    this.close = page.locator("[data-keyslot] [part~=close]");
    this.title = page.locator("[data-keyslot] [part~=title]");
  }
  /** @param {string} name a field's name, as the provider template has it */
  field(name) {
    return this.page.locator(`[data-keyslot] [name="${name}"]`);
  }
}

/**
 * @typedef {object} OfTest
 * @property {Dialog} dialog
 * @property {(task: import("./customer-app.mjs").Task, kind?: string) => Promise<void>} open opens the app's page and presses Connect
 * @property {() => Promise<any>} outcome how the app's promise ended
 * @property {string} connectionId one that no other test uses
 */
/** @typedef {{ world: World }} OfWorker */

let count = 0;

/**
 * @type {import("@playwright/test").Fixtures<OfTest, OfWorker,
 *   import("@playwright/test").PlaywrightTestArgs & import("@playwright/test").PlaywrightTestOptions,
 *   import("@playwright/test").PlaywrightWorkerArgs & import("@playwright/test").PlaywrightWorkerOptions>}
 */
const fixtures = {
  world: [
    async ({}, use) => {
      const world = await startWorld();
      await use(world);
      await world.close();
    },
    { scope: "worker" },
  ],
  dialog: async ({ page }, use) => use(new Dialog(page)),
  connectionId: async ({}, use) => use(`user-${process.pid}-${(count += 1)}`),
  open: async ({ page, world }, use) => {
    await use(async (task, kind = "module") => {
      await page.goto(world.app.page(kind, task));
      await page.getByRole("button", { name: "Connect" }).click();
    });
  },
  outcome: async ({ page }, use) => {
    await use(async () => {
      const output = page.locator("#outcome");
      await expect(output).toHaveText(/^\{/);
      return JSON.parse((await output.textContent()) ?? "");
    });
  },
};

export const test = base.extend(fixtures);
