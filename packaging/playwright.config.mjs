// Real apps around the real package; the server and the vendor behind it are those of e2e/.
import { defineConfig } from "@playwright/test";
import e2e from "../e2e/playwright.config.mjs";

export default defineConfig({ ...e2e, testDir: ".", outputDir: "../test-results/packaging" });
