// `npm run test:browsers`: the dialog's own tests and the ways in under the strict policy, in Chromium,
// Firefox and WebKitGTK. The browsers come from the system's packages; geckodriver, which no such package
// has, is built from its crate. WebKitGTK is Safari's engine, not Safari.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { buildServer } from "./build-server.mjs";
import { buildWidget } from "./build-widget.mjs";
import { aptInstall, installBrowser } from "./install-browser.mjs";
import { installTools } from "./install-tools.mjs";
import { main, runStep, say, StepFailed } from "./run-step.mjs";
import { root, targetDir, toolEnv, which } from "./workspace.mjs";

const GECKODRIVER = "0.37.1";

/** @type {Record<string, { driver: string, args: string[], capabilities: object, widget: string[] }>} */
let browsers;

const ADVICE =
  "The tests in other browsers need firefox-esr, WebKitGTK's driver (webkit2gtk-driver) and xvfb. Install them with your system's packages, then run this again.";

await main(async () => {
  await installTools();
  const { chrome, chromedriver } = await installBrowser();
  if (!["firefox-esr", "WebKitWebDriver", "xvfb-run"].every((name) => which(name)))
    await aptInstall(["firefox-esr", "webkit2gtk-driver", "xvfb"], "Firefox, WebKitGTK and a virtual display", ADVICE);
  const geckodriver = await installGeckodriver();
  const [firefox, webkit] = ["firefox-esr", "WebKitWebDriver"].map((name) => which(name));
  if (!firefox || !webkit) throw new StepFailed(ADVICE);
  await buildWidget();
  await buildServer();

  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const chromeArgs = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", ...sandbox];
  browsers = {
    Chromium: {
      driver: chromedriver,
      args: ["--port=PORT"],
      capabilities: { browserName: "chrome", "goog:chromeOptions": { binary: chrome, args: chromeArgs } },
      widget: ["--chrome", "--chromedriver", chromedriver],
    },
    Firefox: {
      driver: geckodriver,
      args: ["--port", "PORT"],
      capabilities: {
        browserName: "firefox",
        "moz:firefoxOptions": { binary: firefox, args: ["-headless"] },
      },
      widget: ["--firefox", "--geckodriver", geckodriver],
    },
    WebKitGTK: {
      driver: webkit,
      args: ["--port=PORT"],
      capabilities: { browserName: "MiniBrowser" },
      widget: ["--safari", "--safaridriver", webkit],
    },
  };
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !(name in browsers));
  if (unknown.length > 0)
    throw new StepFailed(`No browser ${unknown.join(", ")}: ${Object.keys(browsers).join(", ")}.`);

  let failed = 0;
  const running = [];
  /** @type {Record<string, { driver: string, capabilities: object }>} */
  const started = {};
  // WebKitGTK has no headless mode.
  const display = await startDisplay();
  try {
    for (const [name, browser] of Object.entries(browsers)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      const { code } = await runStep(
        `The widget in ${name}`,
        "wasm-pack",
        ["test", "--headless", ...browser.widget, "--mode", "no-install", ".", "--locked"],
        {
          log: `test-widget-${name.toLowerCase()}`,
          allowFailure: true,
          env: toolEnv({ DISPLAY: display.name, WASM_BINDGEN_TEST_TIMEOUT: "240" }),
        },
      );
      if (code !== 0) failed += 1;
      const driver = await startDriver(browser, display.name);
      running.push(driver);
      started[name] = { driver: driver.url, capabilities: browser.capabilities };
    }
    const { code, output } = await runStep(
      `The ways in, in ${Object.keys(started).join(", ")}`,
      process.execPath,
      ["--test", "--test-reporter=tap", "e2e/browsers.test.mjs"],
      {
        log: "test-browsers",
        allowFailure: true,
        env: toolEnv({ KEYSLOT_BROWSERS: JSON.stringify(started), DISPLAY: display.name }),
      },
    );
    say(`\n${output.match(/^# (tests|pass|fail) \d+$/gm)?.join("\n")}`);
    if (code !== 0) failed += 1;
  } finally {
    for (const driver of running) driver.stop();
    display.stop();
  }
  if (failed > 0)
    throw new StepFailed("Failed; what was said is in target/log/test-browsers.log and test-widget-*.log.");
  say(`  ✓ ${Object.keys(started).join(", ")}: all passed`);
});

/** @returns {Promise<string>} the program */
async function installGeckodriver() {
  const found = which("geckodriver");
  if (found) return found;
  const folder = path.join(targetDir, "geckodriver");
  const program = path.join(folder, "bin", "geckodriver");
  if (!existsSync(program)) {
    await runStep("Building geckodriver (a few minutes, once)", "cargo", [
      ...["install", "geckodriver", "--version", GECKODRIVER, "--locked", "--root", folder],
    ]);
  }
  return program;
}

/** A display that nobody looks at. @returns {Promise<{ name: string, stop: () => void }>} */
async function startDisplay() {
  const child = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const number = await new Promise((resolve, reject) => {
    child.stdio[3]?.once("data", (/** @type {Buffer} */ chunk) => resolve(chunk.toString().trim()));
    child.once("error", reject);
    child.once("close", (code) => reject(new StepFailed(`Xvfb ended with code ${code}.`)));
  });
  return { name: `:${number}`, stop: () => child.kill() };
}

/**
 * @param {{ driver: string, args: string[] }} browser
 * @param {string} display
 */
async function startDriver({ driver, args }, display) {
  const port = await freePort();
  const child = spawn(
    driver,
    args.map((argument) => argument.replace("PORT", String(port))),
    { cwd: root, env: toolEnv({ DISPLAY: display }), stdio: "ignore" },
  );
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(`${url}/status`).catch(() => undefined);
    if (answer?.ok) break;
    if (attempt > 100) throw new StepFailed(`${driver} does not answer.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, stop: () => child.kill() };
}

/** @returns {Promise<number>} */
async function freePort() {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
