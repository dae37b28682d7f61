// Pictures of the demo page, of the theming page, of every state of the dialog in e2e/states.mjs and of every
// state of the dashboard and the connect page in e2e/dashboard-states.mjs, into screenshots/ (not committed).
// `npm run screenshots -- states` takes those of the dialog only, `-- dashboard` those of the dashboard.
// `npm run screenshots -- --readme` also renews the pictures in the README.
// Playwright takes the pictures, and the lists of states are those of the tests.
import { copyFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import { buildServer } from "./build-server.mjs";
import { buildWidget } from "./build-widget.mjs";
import { installBrowser } from "./install-browser.mjs";
import { installTools } from "./install-tools.mjs";
import { during, main, say } from "./run-step.mjs";
import { root } from "./workspace.mjs";

const folder = path.join(root, "screenshots");

const SCREENS = [
  { name: "light", viewport: { width: 1280, height: 860 }, colorScheme: "light" },
  { name: "dark", viewport: { width: 1280, height: 860 }, colorScheme: "dark" },
  { name: "phone", viewport: { width: 390, height: 844 }, colorScheme: "light" },
  { name: "phone-dark", viewport: { width: 390, height: 844 }, colorScheme: "dark" },
];

/** How every state is looked at: size, colours, language. */
const LOOKS = [
  { name: "light", locale: "en", viewport: { width: 720, height: 800 }, colorScheme: "light" },
  { name: "dark", locale: "en", viewport: { width: 720, height: 800 }, colorScheme: "dark" },
  { name: "phone", locale: "de", viewport: { width: 390, height: 760 }, colorScheme: "light" },
  { name: "rtl", locale: "ar", viewport: { width: 720, height: 800 }, colorScheme: "light" },
  { name: "forced-colours", locale: "en", viewport: { width: 720, height: 800 }, forcedColors: "active" },
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
  let count = 0;
  try {
    await during("Taking pictures", async (at) => {
      const only = ["states", "dashboard"].find((part) => process.argv.includes(part));
      if (only !== "dashboard") count += await everyState(browser, at);
      if (only !== "states") count += await everyDashboardState(browser, at);
      for (const screen of only ? [] : SCREENS) {
        const server = await startServer({ dev: true });
        const context = await browser.newContext({
          viewport: screen.viewport,
          colorScheme: /** @type {"light" | "dark"} */ (screen.colorScheme),
          deviceScaleFactor: 2,
        });
        const page = await context.newPage();
        const shoot = async (/** @type {string} */ state) => {
          at(`${screen.name} ${state}`);
          // Animations end before the picture is taken.
          await page.screenshot({ path: path.join(folder, `${screen.name}-${state}.png`), animations: "disabled" });
          count += 1;
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
        count += 2;
        await page.screenshot({
          path: path.join(folder, `${screen.name}-6-connected.png`),
          animations: "disabled",
          fullPage: true,
        });

        await page.getByRole("button", { name: "Connect Freshdesk" }).click();
        await field("subdomain").waitFor();
        await shoot("7-freshdesk");
        await page.keyboard.press("Escape");
        await page.goto(`${server.url}/demo/theming.html`);
        await page.locator("#status", { hasText: "up to date" }).waitFor({ state: "attached" });
        await page.screenshot({
          path: path.join(folder, `${screen.name}-8-theming.png`),
          animations: "disabled",
          fullPage: true,
        });
        await page.goto(`${server.url}/dashboard/dev/integrations/new`);
        // The logos come as they are scrolled to.
        await page.waitForLoadState("networkidle");
        await shoot("9-dashboard-catalogue");
        if (screen.name === "light")
          await page.screenshot({
            path: path.join(folder, "readme-dashboard.png"),
            animations: "disabled",
            scale: "css",
          });
        for (const [number, address] of [
          [10, "integrations/new?provider=freshdesk"],
          [11, "integration/add?key=demo"],
          [12, "connection?integration=demo&id=user-42"],
          [13, "activity"],
          [14, "settings"],
        ]) {
          await page.goto(`${server.url}/dashboard/dev/${address}`);
          await shoot(`${number}-dashboard`);
        }
        await context.close();
        await server.stop();
        server.remove();
      }
    });
  } finally {
    await browser.close();
  }
  if (process.argv.includes("--readme")) {
    mkdirSync(path.join(root, "docs"), { recursive: true });
    copyFileSync(path.join(folder, "readme.png"), path.join(root, "docs", "connect-dialog.png"));
    copyFileSync(path.join(folder, "readme-dashboard.png"), path.join(root, "docs", "dashboard.png"));
  }
  say(`  ✓ ${count} pictures in screenshots/`);
});

/**
 * One picture of each state of the dashboard and the connect page on each screen, as
 * screenshots/dashboard-SCREEN-STATE.png.
 * @param {import("@playwright/test").Browser} browser
 * @param {(what: string) => void} at
 */
async function everyDashboardState(browser, at) {
  const { DASHBOARD_STATES, signIn, startDashboard } = await import("../e2e/dashboard-states.mjs");
  const { server, stop } = await startDashboard();
  for (const { name, ...look } of SCREENS) {
    const options = /** @type {import("@playwright/test").BrowserContextOptions} */ (look);
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const open = (/** @type {string} */ address) => page.goto(`${server.url}/dashboard/${address}`);
    // Those that are seen before signing in come first.
    for (const state of [...DASHBOARD_STATES].sort((a, b) => Number(!a.outside) - Number(!b.outside))) {
      at(`dashboard ${name} ${state.name}`);
      if (!state.outside && page.url().includes("sign-in")) await signIn(page, `${server.url}/dashboard`);
      await state.reach({ page, server, open });
      await page.screenshot({
        path: path.join(folder, `dashboard-${name}-${state.name}.png`),
        animations: "disabled",
        fullPage: true,
      });
    }
    await context.close();
  }
  await stop();
  return SCREENS.length * DASHBOARD_STATES.length;
}

/**
 * One picture of each state in each look, as screenshots/state-LOOK-STATE.png.
 * @param {import("@playwright/test").Browser} browser
 * @param {(what: string) => void} at
 */
async function everyState(browser, at) {
  const { STATES } = await import("../e2e/states.mjs");
  const { Dialog, startWorld } = await import("../e2e/fixtures.mjs");
  const world = await startWorld();
  for (const { name, locale, ...look } of LOOKS) {
    for (const state of STATES) {
      at(`dialog ${name} ${state.name}`);
      const context = await browser.newContext(/** @type {import("@playwright/test").BrowserContextOptions} */ (look));
      const page = await context.newPage();
      const scene = { page, dialog: new Dialog(page), world };
      await state.before?.(scene);
      await page.goto(world.app.page("module", { ...state.task, options: { ...state.task.options, locale } }));
      await page.locator("#connect").click();
      await state.reach(scene);
      await page.screenshot({
        path: path.join(folder, `state-${name}-${state.name}.png`),
        animations: "disabled",
      });
      await context.close();
    }
  }
  await world.close();
  return LOOKS.length * STATES.length;
}
