// `npm test`: installs what the tests need, runs every suite, and closes with one line,
// `N passed, N failed`. `npm test -- native e2e` runs the named suites only.
// Not npm-run-all: six suites report in four formats, and the last line counts all of them.
import { readdirSync, writeFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import { buildServer } from "./build-server.mjs";
import { buildWidget } from "./build-widget.mjs";
import { installBrowser } from "./install-browser.mjs";
import { installTools } from "./install-tools.mjs";
import { named } from "./named.mjs";
import { preparePackaging, runPackagingTests } from "./packaging.mjs";
import { POSTGRES_VARIABLE, startPostgres } from "./postgres.mjs";
import { duration, main, runStep, say, StepFailed } from "./run-step.mjs";
import { root, targetDir, toolEnv } from "./workspace.mjs";

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */
/** @typedef {{ name: string, title: string, run: () => Promise<{ code: number, output: string }>, count: (output: string) => Count }} Suite */

/** @type {{ chrome: string, chromedriver: string }} */
let browser;
/** @type {import("./postgres.mjs").Cluster} */
let postgres;

/** @type {Suite[]} */
const SUITES = [
  {
    name: "native",
    title: "Native tests (core, egress, providers, server)",
    run: () =>
      runStep(
        "Native tests (core, egress, providers, server)",
        "cargo",
        ["test", "--locked", "--workspace", "--exclude", "tools", "--no-fail-fast"],
        {
          log: "test-native",
          allowFailure: true,
          env: toolEnv({ [POSTGRES_VARIABLE]: postgres.url }),
        },
      ),
    count: countCargo,
  },
  {
    name: "package",
    title: "The npm package in plain Node",
    run: async () => {
      await buildWidget();
      const files = readdirSync(path.join(root, "js")).filter((name) => name.endsWith(".test.mjs"));
      return runStep(
        "The npm package in plain Node",
        process.execPath,
        ["--test", "--test-reporter=tap", ...files.map((name) => `js/${name}`)],
        {
          log: "test-package",
          allowFailure: true,
        },
      );
    },
    count: countTap,
  },
  {
    name: "widget",
    title: "The widget in headless Chromium (wasm-pack test)",
    run: () =>
      runStep(
        "The widget in headless Chromium (wasm-pack test)",
        "wasm-pack",
        [
          "test",
          "--headless",
          "--chrome",
          "--chromedriver",
          browser.chromedriver,
          "--mode",
          "no-install",
          ".",
          "--locked",
        ],
        {
          log: "test-widget",
          allowFailure: true,
          env: toolEnv({ WASM_BINDGEN_TEST_WEBDRIVER_JSON: webdriverSettings(), WASM_BINDGEN_TEST_TIMEOUT: "240" }),
        },
      ),
    count: countCargo,
  },
  {
    name: "e2e",
    title: "End to end: page, widget, server, SQLite and PostgreSQL, SDK",
    run: async () => {
      await buildWidget();
      await buildServer();
      return runStep(
        "End to end: page, widget, server, SQLite and PostgreSQL, SDK",
        process.execPath,
        [path.join("node_modules", "@playwright", "test", "cli.js"), "test", "--config", "e2e/playwright.config.mjs"],
        {
          log: "test-e2e",
          allowFailure: true,
          env: toolEnv({ CHROME: browser.chrome, FORCE_COLOR: "0", [POSTGRES_VARIABLE]: await postgres.another() }),
        },
      );
    },
    count: countPlaywright,
  },
  {
    name: "packaging",
    title: "Every way in: bundlers, frameworks, script tags, plain Node",
    run: async () => {
      await buildWidget();
      await buildServer();
      await preparePackaging();
      return runPackagingTests(browser.chrome, { allowFailure: true });
    },
    count: countPlaywright,
  },
  {
    name: "faults",
    title: "Servers that are killed while they write (short form)",
    run: () =>
      runStep(
        "Servers that are killed while they write (short form)",
        process.execPath,
        [path.join("bench", "faults.mjs"), "--short"],
        { log: "test-faults", allowFailure: true },
      ),
    count: (output) => ({
      passed: [...output.matchAll(/^pass {2}/gm)].length,
      failed: [...output.matchAll(/^fail {2}/gm)].length,
      skipped: 0,
    }),
  },
];

await main(async () => {
  const started = Date.now();
  const suites = named("suite", SUITES, process.argv.slice(2));
  say("Keyslot: running the tests");
  await installTools();
  browser = await installBrowser();
  postgres = await startPostgres();

  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const suite of suites) {
    const count = await runSuite(suite);
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
  await postgres.remove();
  say(`\n  All of it took ${duration(Date.now() - started)}.\n`);
  say(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
  if (total.failed > 0) process.exitCode = 1;
});

/** @param {Suite} suite @returns {Promise<Count>} */
async function runSuite(suite) {
  let code = 1;
  let output = "";
  try {
    ({ code, output } = await suite.run());
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    output = error.message;
  }
  const count = suite.count(output);
  // A suite that did not get as far as counting, or that ran nothing, has failed as a whole.
  if (count.failed === 0 && (code !== 0 || count.passed === 0)) count.failed = 1;
  if (count.failed > 0) {
    const lines = output.trimEnd().split("\n");
    say(`\n${lines.slice(-150).join("\n")}\n`);
  }
  say(
    `      ${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ""}: ${suite.title}`,
  );
  return count;
}

/** `cargo test` and wasm-bindgen's runner close each binary with the same line. @param {string} output @returns {Count} */
function countCargo(output) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, ignored] of output.matchAll(
    /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    count.passed += Number(passed);
    count.failed += Number(failed);
    count.skipped += Number(ignored);
  }
  return count;
}

/** @param {string} output @returns {Count} */
function countTap(output) {
  const value = (/** @type {string} */ name) => Number(output.match(new RegExp(`^# ${name} (\\d+)$`, "m"))?.[1] ?? 0);
  return {
    passed: value("pass"),
    failed: value("fail") + value("cancelled"),
    skipped: value("skipped") + value("todo"),
  };
}

/** @param {string} output @returns {Count} */
function countPlaywright(output) {
  const value = (/** @type {string} */ name) =>
    Number(output.match(new RegExp(`^\\s+(\\d+) ${name}\\b`, "m"))?.[1] ?? 0);
  return {
    passed: value("passed"),
    failed: value("failed") + value("flaky") + value("interrupted"),
    skipped: value("skipped") + value("did not run"),
  };
}

/** What chromedriver needs to know to start the browser that was found. @returns {string} a file */
function webdriverSettings() {
  const args = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900"];
  // Chromium refuses to sandbox a browser of root.
  if (process.getuid?.() === 0) args.push("--no-sandbox");
  const file = path.join(targetDir, "webdriver.json");
  mkdirSync(targetDir, { recursive: true });
  writeFileSync(file, JSON.stringify({ "goog:chromeOptions": { binary: browser.chrome, args } }, null, 2));
  return file;
}
