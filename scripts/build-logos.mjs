// Draws the logos of the catalogue's providers into logos/ (not committed), from the npm package
// simple-icons (CC0; the marks are their owners'). A provider without one gets its first letter, which the
// server draws itself.
// Not copied by hand: the catalogue says which logos are needed, and the package is pinned.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { main, say } from "./run-step.mjs";
import { root } from "./workspace.mjs";

const folder = path.join(root, "logos");

/** Makes the folder anew, unless it is what catalogue and package ask for already. */
export async function buildLogos() {
  const wanted = slugs();
  const { version } = JSON.parse(readFileSync(path.join(root, "node_modules/simple-icons/package.json"), "utf8"));
  const made = JSON.stringify({ version, wanted, drawing: draw.toString() });
  const stamp = path.join(folder, ".made");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === made) return;

  const found = Object.values(await import("simple-icons")).flatMap((icon) => ("slug" in icon ? [icon] : []));
  const icons = new Map(found.map((icon) => [icon.slug, icon]));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  let drawn = 0;
  for (const [provider, slug] of wanted) {
    const icon = icons.get(slug);
    if (!icon) continue;
    writeFileSync(path.join(folder, `${provider}.svg`), draw(icon));
    drawn += 1;
  }
  writeFileSync(stamp, made);
  say(`  ✓ ${drawn} logos; ${wanted.length - drawn} that simple-icons no longer has get a letter`);
}

/** Which icon each provider names. @returns {[provider: string, slug: string][]} */
function slugs() {
  const catalogue = path.join(root, "catalog");
  return readdirSync(catalogue)
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .flatMap((name) => {
      let provider = "";
      return readFileSync(path.join(catalogue, name), "utf8")
        .split("\n")
        .flatMap((line) => {
          provider = line.match(/^([\w-]+):/)?.[1] ?? provider;
          const slug = line.match(/^ {2}logo: ["']?([\w-]+)/)?.[1];
          return slug ? [/** @type {[string, string]} */ ([provider, slug])] : [];
        });
    });
}

/** A tile of 40 × 40 with the mark in its own colour, as far as that can be seen. @param {{ path: string, hex: string }} icon */
function draw({ path: shape, hex }) {
  const [red, green, blue] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  const [onLight, onDark] = [light > 0.62 ? "3d4451" : hex, light < 0.3 ? "e8eaf0" : hex];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><style>rect{fill:#eef0f5}path{fill:#${onLight}}` +
    `@media(prefers-color-scheme:dark){rect{fill:#2c3038}path{fill:#${onDark}}}</style>` +
    `<rect width="40" height="40" rx="8"/><path transform="translate(9 9) scale(.9167)" d="${shape}"/></svg>`
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(buildLogos);
