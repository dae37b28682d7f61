// Pictures of the demo page and of the dialog in its states, into screenshots/ (not committed).
// `npm run screenshots -- --readme` also renews the picture in the README.
import { copyFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import { buildServer } from "./build-server.mjs";
import { buildWidget } from "./build-widget.mjs";
import { installBrowser } from "./install-browser.mjs";
import { installTools } from "./install-tools.mjs";
import { main, say } from "./run-step.mjs";
import { root } from "./workspace.mjs";

const folder = path.join(root, "screenshots");

const SCREENS = [
  { name: "light", viewport: { width: 1280, height: 860 }, colorScheme: "light" },
  { name: "dark", viewport: { width: 1280, height: 860 }, colorScheme: "dark" },
  { name: "phone", viewport: { width: 390, height: 844 }, colorScheme: "light" },
  { name: "phone-dark", viewport: { width: 390, height: 844 }, colorScheme: "dark" },
];

await main(async () => {
  await installTools();
  const { chrome } = await installBrowser();
  await buildWidget();
  await buildServer();
  // Playwright is there only after install-tools.mjs has run.
  const { chromium } = await import("@playwright/test");
  const { startServer } = await import("../e2e/keyslot-server.mjs");
  mkdirSync(folder, { recursive: true });

  const browser = await chromium.launch({
    executablePath: chrome,
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
  try {
    for (const screen of SCREENS) {
      const server = await startServer({ dev: true });
      const context = await browser.newContext({
        viewport: screen.viewport,
        colorScheme: /** @type {"light" | "dark"} */ (screen.colorScheme),
        deviceScaleFactor: 2,
      });
      const page = await context.newPage();
      const shoot = async (/** @type {string} */ state) => {
        // Animations end before the picture is taken.
        await page.screenshot({ path: path.join(folder, `${screen.name}-${state}.png`), animations: "disabled" });
      };
      await page.goto(`${server.url}/demo/`);
      const value = async (/** @type {string} */ label) =>
        (await page.locator(`#keys dt:has-text("${label}") + dd code`).textContent()) ?? "";
      const field = (/** @type {string} */ name) => page.locator(`[data-keyslot] [name="${name}"]`);
      const submit = page.locator("[data-keyslot] [part~=submit]");
      await page.locator('[data-integration="demo"] .state').waitFor({ state: "attached" });
      await shoot("1-page");

      await page.getByRole("button", { name: "Connect Demo API" }).click();
      await field("apiKey").waitFor();
      await shoot("2-form");
      if (screen.name === "light")
        await page.screenshot({ path: path.join(folder, "readme.png"), animations: "disabled", scale: "css" });
      await submit.click();
      await shoot("3-empty");
      await field("apiKey").fill(await value("Is refused"));
      await submit.click();
      await page.locator("[data-keyslot] [part~=error]").waitFor();
      await shoot("4-refused");
      await field("apiKey").fill(await value("Works"));
      await submit.click();
      await page.locator("[data-keyslot] [part~=success]").waitFor();
      await shoot("5-success");
      await page.locator("[data-keyslot]").waitFor({ state: "detached" });
      await page.locator("#backend").waitFor();
      await page.screenshot({
        path: path.join(folder, `${screen.name}-6-connected.png`),
        animations: "disabled",
        fullPage: true,
      });

      await page.getByRole("button", { name: "Connect Freshdesk" }).click();
      await field("subdomain").waitFor();
      await shoot("7-freshdesk");
      await page.keyboard.press("Escape");
      await context.close();
      await server.stop();
      server.remove();
    }
  } finally {
    await browser.close();
  }
  if (process.argv.includes("--readme")) {
    mkdirSync(path.join(root, "docs"), { recursive: true });
    copyFileSync(path.join(folder, "readme.png"), path.join(root, "docs", "connect-dialog.png"));
  }
  say(`  ✓ ${SCREENS.length * 7} pictures in screenshots/`);
});
