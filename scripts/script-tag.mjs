// The classic script tag with the integrity hash of this very build. `npm pack` puts it into the README
// that is published (prepack), and takes it out of the checkout's again (postpack): a hash in the
// repository would be out of date with every change.
// npm has no variables for a README.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { StepFailed } from "./run-step.mjs";
import { root } from "./workspace.mjs";

/** In the checkout's README, in the place of the hash. */
const PLACEHOLDER = 'integrity="sha384-…"';

/** @returns {string} for a script that is served from the page's own origin */
export function scriptTag() {
  return `<script src="/assets/global.js" ${integrity()}></script>`;
}

function integrity() {
  const hashes = JSON.parse(readFileSync(path.join(root, "dist", "integrity.json"), "utf8"));
  return `integrity="${hashes["global.js"]}"`;
}

/** @param {string} attribute */
function replaceInReadme(attribute) {
  const file = path.join(root, "README.md");
  const text = readFileSync(file, "utf8");
  const [found] = text.match(/integrity="sha384-[^"]+"/) ?? [];
  if (!found) throw new StepFailed("README.md has no script tag with an integrity attribute.");
  writeFileSync(file, text.replace(found, attribute));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "--into-readme") replaceInReadme(integrity());
  else if (process.argv[2] === "--out-of-readme") replaceInReadme(PLACEHOLDER);
  else console.log(scriptTag());
}
