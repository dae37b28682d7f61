// The list of connections when there are many.
import { expect, test } from "@playwright/test";
import { startServer } from "./keyslot-server.mjs";

const PASSWORD = "a password of the operators";
const MANY = 5000;

test("5,000 connections are listed page by page, and searched, without sending them all", async ({ page }) => {
  test.setTimeout(120_000);
  const server = await startServer({ dev: true, adminPassword: PASSWORD });
  try {
    const authorization = `Bearer ${server.secretKey}`;
    const post = async (/** @type {string} */ path, /** @type {unknown} */ body) => {
      const headers = { authorization, "content-type": "application/json" };
      const answer = await fetch(`${server.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
      expect(answer.ok, path).toBe(true);
    };
    let next = 1;
    const work = async () => {
      for (let number = next++; number <= MANY; number = next++) {
        await post("/connections", {
          provider_config_key: "demo",
          connection_id: `user-${String(number).padStart(4, "0")}`,
          credentials: { type: "API_KEY", apiKey: "demo_live_4cK7pQ2mX9" },
        });
      }
    };
    await Promise.all(Array.from({ length: 16 }, work));

    await page.goto(`${server.url}/dashboard/dev/connections`);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    const rows = page.getByRole("list", { name: "Connections" }).getByRole("listitem");
    await expect(rows).toHaveCount(50);
    await expect(page.getByText("1 to 50 of 5000, newest first")).toBeVisible();
    // Far more than it needs, and far less than a list that is made of all of them.
    const started = performance.now();
    await page.goto(`${server.url}/dashboard/dev/connections?health=healthy&search=user&page=99`);
    expect(performance.now() - started).toBeLessThan(2000);
    await expect(page.getByText("4951 to 5000 of 5000, newest first")).toBeVisible();
    await page.goto(`${server.url}/dashboard/dev/connections`);
    await page.getByRole("link", { name: "Older" }).click();
    await expect(page.getByText("51 to 100 of 5000, newest first")).toBeVisible();
    expect((await page.content()).length).toBeLessThan(80_000);
    await page.getByRole("link", { name: "Newer" }).click();
    await expect(page.getByText("1 to 50 of 5000, newest first")).toBeVisible();

    await page.getByRole("searchbox").fill("user-4321");
    await page.keyboard.press("Enter");
    await expect(rows).toHaveCount(1);
    await rows.getByRole("link").click();
    await expect(page.getByRole("heading", { name: "user-4321" })).toBeVisible();

    await page.goto(`${server.url}/dashboard/dev/connections?integration=demo&page=99`);
    await expect(page.getByText("4951 to 5000 of 5000, newest first")).toBeVisible();
    await expect(page.getByRole("link", { name: "Older" })).toHaveCount(0);
    await page.goto(`${server.url}/dashboard/dev/connections?page=-1`);
    await expect(rows).toHaveCount(50);
  } finally {
    await server.stop();
    server.remove();
  }
});
