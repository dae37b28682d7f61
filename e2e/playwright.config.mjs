// End to end: the real server binary with SQLite in a temporary folder or PostgreSQL, the built widget, the
// system's Chromium, the stock Nango packages. Nothing is faked between the page and the row.
import { defineConfig } from "@playwright/test";
import { findBrowser } from "../scripts/install-browser.mjs";

export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.mjs",
  outputDir: "../test-results",
  // Each worker has its own server, provider and app: two fit two cores.
  workers: 2,
  fullyParallel: false,
  timeout: 30_000,
  expect: { timeout: 10_000 },
  // A test that passes at the second try is a broken test.
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    headless: true,
    locale: "en-GB",
    launchOptions: {
      executablePath: findBrowser().chrome,
      // Nothing here needs a graphics process or the small shared memory of a container, and a browser
      // without them has two reasons less to die at its start. It refuses to sandbox a browser of root.
      args: ["--disable-gpu", "--disable-dev-shm-usage", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
    },
    trace: "off",
    screenshot: "only-on-failure",
  },
});
