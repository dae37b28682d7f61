// Every way in, as a customer has it: opens the page, connects a key, and the backend reads it.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { expect, test } from "../e2e/fixtures.mjs";
import { ACCEPTED } from "../e2e/provider-api.mjs";
import { contentSecurityPolicy } from "../scripts/csp.mjs";
import { BUILT, STATIC, consumersDir } from "../scripts/packaging.mjs";

const TYPES = /** @type {Record<string, string>} */ ({
  ".js": "text/javascript",
  ".html": "text/html",
  ".wasm": "application/wasm",
});

/**
 * Serves a folder under the policy that the README asks for.
 * @param {string} folder
 * @param {string} host the Keyslot server
 * @param {string} [trustedTypes] the name of a policy that the page itself makes
 */
async function serve(folder, host, trustedTypes) {
  const server = createServer((request, answer) => {
    const name = decodeURIComponent(new URL(request.url ?? "/", "http://app").pathname).slice(1);
    try {
      const body = readFileSync(path.join(folder, name));
      answer.writeHead(200, {
        "content-type": TYPES[path.extname(name)] ?? "application/octet-stream",
        "content-security-policy": contentSecurityPolicy(host, { trustedTypes }),
      });
      answer.end(body);
    } catch {
      answer.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://localhost:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** @param {import("../e2e/fixtures.mjs").World} world @param {string} url @param {string} connectionId */
async function address(world, url, connectionId) {
  const { data } = await world.sdk.createConnectSession({
    end_user: { id: connectionId },
    allowed_integrations: ["acme-key"],
  });
  return `${url}?${new URLSearchParams({ host: world.server.url, session: data.token, connection: connectionId })}`;
}

/**
 * @param {import("@playwright/test").Page} page
 * @param {import("../e2e/fixtures.mjs").World} world
 * @param {import("../e2e/fixtures.mjs").Dialog} dialog
 * @param {string} url
 * @param {string} connectionId
 */
async function connects(page, world, dialog, url, connectionId) {
  /** @type {string[]} */
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !/favicon/.test(message.location().url))
      complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(await address(world, url, connectionId));
  await page.getByRole("button", { name: "Connect" }).click();
  await dialog.field("apiKey").fill(ACCEPTED.apiKey);
  await dialog.submit.click();
  await expect(page.locator("output")).toHaveText(connectionId);
  expect(complaints).toEqual([]);
  expect((await world.sdk.getConnection("acme-key", connectionId)).credentials).toMatchObject({
    apiKey: ACCEPTED.apiKey,
  });
}

for (const [name, { pages, site, trustedTypes }] of Object.entries(BUILT)) {
  for (const file of pages) {
    test(`${name}, ${file}: connects`, async ({ page, world, dialog, connectionId }) => {
      const app = await serve(path.join(consumersDir, name, site), world.server.url, trustedTypes);
      await connects(page, world, dialog, `${app.url}/${file}`, connectionId);
      app.close();
    });
  }
}

for (const name of STATIC) {
  test(`no build, ${name}: connects`, async ({ page, world, dialog, connectionId }) => {
    const app = await serve(path.join(consumersDir, "static"), world.server.url);
    await connects(page, world, dialog, `${app.url}/${name}.html`, connectionId);
    app.close();
  });
}

for (const name of ["react-18", "react-19"]) {
  test(`${name}: called by an effect under StrictMode, one dialog is open and stays`, async ({
    page,
    world,
    dialog,
    connectionId,
  }) => {
    const app = await serve(path.join(consumersDir, name), world.server.url);
    await page.goto(`${await address(world, `${app.url}/index.html`, connectionId)}&on-mount`);
    await expect(dialog.field("apiKey")).toBeFocused();
    await expect(dialog.host).toHaveCount(1);
    await expect(page.locator("#status")).toHaveText("connecting");
    await dialog.field("apiKey").fill(ACCEPTED.apiKey);
    await dialog.submit.click();
    await expect(page.locator("output")).toHaveText(connectionId);
    await expect(page.locator("#status")).toHaveText("connected");
    app.close();
  });

  test(`${name}: closing is no failure, and what failed is said`, async ({ page, world, dialog, connectionId }) => {
    const app = await serve(path.join(consumersDir, name), world.server.url);
    await page.goto(await address(world, `${app.url}/index.html`, connectionId));
    await page.getByRole("button", { name: "Connect" }).click();
    await expect(dialog.field("apiKey")).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(page.locator("#status")).toHaveText("idle");
    await page.goto(`${app.url}/index.html?host=nowhere&session=x`);
    await page.getByRole("button", { name: "Connect" }).click();
    await expect(page.locator("#status")).toHaveText("failed");
    await expect(page.locator("output")).toHaveText("invalid_host_url");
    app.close();
  });

  test(`${name}: when the component goes, its dialog goes`, async ({ page, world, dialog, connectionId }) => {
    const app = await serve(path.join(consumersDir, name), world.server.url);
    await page.goto(await address(world, `${app.url}/index.html`, connectionId));
    await page.getByRole("button", { name: "Connect" }).click();
    await expect(dialog.field("apiKey")).toBeFocused();
    await page.evaluate(() => dispatchEvent(new Event("take-away")));
    await expect(dialog.host).toHaveCount(0);
    app.close();
  });
}

test.describe("Next.js, App Router", () => {
  /** @type {import("node:child_process").ChildProcess} */
  let server;
  let url = "";
  test.beforeAll(async () => {
    const folder = path.join(consumersDir, "next");
    const program = path.join(folder, "node_modules", "next", "dist", "bin", "next");
    server = spawn(process.execPath, [program, "start", "--port", "0", "--hostname", "127.0.0.1"], {
      cwd: folder,
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let log = "";
    url = await new Promise((resolve, reject) => {
      const read = (/** @type {Buffer} */ chunk) => {
        log += chunk;
        const found = log.match(/http:\/\/127\.0\.0\.1:(\d+)/);
        if (found && /Ready/i.test(log)) resolve(`http://localhost:${found[1]}`);
      };
      server.stdout?.on("data", read);
      server.stderr?.on("data", read);
      server.on("close", (code) => reject(new Error(`next start ended with code ${code}:\n${log}`)));
    });
  });
  test.afterAll(() => {
    server.kill("SIGTERM");
  });

  test("renders both entries on the server, then connects in the browser", async ({
    page,
    world,
    dialog,
    connectionId,
  }) => {
    const html = await (await fetch(url)).text();
    expect(html).toContain("idle");
    expect(html.replaceAll("<!-- -->", "")).toContain("function function");
    await connects(page, world, dialog, `${url}/`, connectionId);
    await expect(page.locator("#status")).toHaveText("connected");
  });
});

test("plain Node: every entry may be imported, and a call says that there is no page", async () => {
  const folder = path.join(consumersDir, "vue");
  const entries = ["", "/external", "/nango", "/vue", "/svelte", "/element"].map((entry) => `keyslot${entry}`);
  const program = `
    for (const entry of ${JSON.stringify(entries)}) await import(entry);
    const { auth } = await import("keyslot");
    console.log(await auth("demo").catch((error) => error.code));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { cwd: folder });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  await new Promise((resolve) => child.on("close", resolve));
  expect(output).toBe("not_supported\n");
});
