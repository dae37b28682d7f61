// Finds Chromium and its WebDriver, or installs both from the system's packages. Tests drive the
// browser that the system has: none is ever downloaded from a browser maker's own server.
// Not Playwright's own installer, which downloads browsers from its maker's server.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { main, runStep, say, StepFailed } from "./run-step.mjs";
import { which } from "./workspace.mjs";

const BROWSERS = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const APPLICATIONS = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

const ADVICE =
  "Chromium and chromedriver not found, and this user cannot install system packages without a password. Install them, then run this again:\n" +
  "  Debian:  sudo apt-get install chromium chromium-driver\n" +
  "  Fedora:  sudo dnf install chromium chromedriver\n" +
  "  macOS:   brew install --cask chromium && brew install --cask chromedriver\n" +
  "or name them: CHROME=/path/to/chrome CHROMEDRIVER=/path/to/chromedriver npm test";

/**
 * The browser and driver on this machine; `CHROME` and `CHROMEDRIVER` name others.
 * @returns {{ chrome?: string, chromedriver?: string }}
 */
export function findBrowser() {
  const chrome =
    process.env.CHROME ||
    BROWSERS.map((name) => which(name)).find(Boolean) ||
    APPLICATIONS.find((file) => existsSync(file));
  const chromedriver = process.env.CHROMEDRIVER || which("chromedriver");
  return { chrome, chromedriver };
}

/**
 * @returns {Promise<{ chrome: string, chromedriver: string }>}
 * @throws {StepFailed} it is missing and cannot be installed from here; the message says what to do
 */
export async function installBrowser() {
  let { chrome, chromedriver } = findBrowser();
  if (!chrome || !chromedriver) {
    await aptInstall(["chromium", "chromium-driver"], "Chromium and chromedriver", ADVICE);
    ({ chrome, chromedriver } = findBrowser());
  }
  if (!chrome || !chromedriver) throw new StepFailed(ADVICE);
  const versions = [chrome, chromedriver].map(majorVersion);
  if (versions[0] !== versions[1]) {
    throw new StepFailed(
      `chromedriver ${versions[1]} (${chromedriver}) cannot drive Chromium ${versions[0]} (${chrome}). ` +
        "Install the two at the same major version, or name a pair with CHROME and CHROMEDRIVER.",
    );
  }
  return { chrome, chromedriver };
}

/**
 * Installs Debian or Ubuntu packages, asking for nothing: as root, or with sudo when it wants no password.
 * @param {string[]} packages
 * @param {string} what for a person
 * @param {string} help what a person can do when this cannot
 * @throws {StepFailed} with `help`
 */
export async function aptInstall(packages, what, help) {
  const apt = which("apt-get");
  if (!apt) throw new StepFailed(help);
  const prefix = process.getuid?.() === 0 ? [] : sudoWithoutPassword();
  if (!prefix) throw new StepFailed(help);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const [command, ...rest] = [...prefix, apt];
  await runStep(`Reading the list of system packages`, command, [...rest, "update", "-q"], { env });
  await runStep(
    `Installing ${what} from the system's packages`,
    command,
    [...rest, "install", "-y", "-q", "--no-install-recommends", ...packages],
    { env },
  );
}

/** @returns {string[] | undefined} */
function sudoWithoutPassword() {
  const sudo = which("sudo");
  if (!sudo) return undefined;
  try {
    execFileSync(sudo, ["-n", "true"], { stdio: "ignore" });
    return [sudo, "-n"];
  } catch {
    return undefined;
  }
}

/** @param {string} program */
function majorVersion(program) {
  const text = execFileSync(program, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return text.match(/(\d+)\./)?.[1] ?? path.basename(program);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { chrome, chromedriver } = await installBrowser();
    say(`  ✓ ${chrome}, ${chromedriver}`);
  });
}
