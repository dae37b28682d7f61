// The whole path once more on PostgreSQL, with two servers on one database.
import { Nango } from "@nangohq/node";
import { POSTGRES_VARIABLE } from "../scripts/postgres.mjs";
import { expect, startWorld, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

const database = process.env[POSTGRES_VARIABLE];

test("a key typed in the dialog of one server is read from another that shares its PostgreSQL", async ({
  page,
  dialog,
}) => {
  test.skip(!database, `${POSTGRES_VARIABLE} is not set; npm test starts a cluster and sets it`);
  const world = await startWorld({ database });
  const second = await world.server.another();
  try {
    await page.goto(world.app.page("module", { integrationId: "acme-key", connectionId: "user-1" }));
    await page.getByRole("button", { name: "Connect" }).click();
    await dialog.field("apiKey").fill(ACCEPTED.apiKey);
    await dialog.submit.click();
    await expect(page.locator("#outcome")).toContainText('"verified"');

    const elsewhere = new Nango({ host: second.url, secretKey: second.secretKey });
    const connection = await elsewhere.getConnection("acme-key", "user-1");
    expect(connection.credentials).toEqual({ type: "API_KEY", apiKey: ACCEPTED.apiKey });

    // What one server deletes, the other does not know.
    await elsewhere.deleteConnection("acme-key", "user-1");
    await expect(world.sdk.getConnection("acme-key", "user-1")).rejects.toMatchObject({ status: 404 });
  } finally {
    expect(await second.stop()).toBe(0);
    second.remove();
    await world.close();
  }
});
