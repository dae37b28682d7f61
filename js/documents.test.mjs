// Every block of code of the documents: compiled, parsed, or held against what it names. That the server takes the
// commands is told by e2e/documents.spec.mjs.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { format } from "prettier";
import { codeBlocks } from "../scripts/code-blocks.mjs";
import { root, targetDir } from "../scripts/workspace.mjs";

const blocks = codeBlocks();
/** @param {...string} languages */
const of = (...languages) => blocks.filter(({ language }) => languages.includes(language));

/** What the examples take for granted: the page, the request at hand, and what the document said before. */
const GIVEN = `
declare const auth: typeof import("keyslot").auth;
declare const configure: typeof import("keyslot").configure;
declare const button: HTMLButtonElement;
declare const user: { id: string; email: string };
declare const response: import("node:http").ServerResponse;
declare const connectSessionToken: string;
declare const apiKey: string;
declare const onEvent: import("keyslot/nango").OnConnectEvent;
`;

const folder = path.join(targetDir, "documents");
after(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Compiles texts as a customer's strict TypeScript does.
 * @param {Record<string, string>} files by name, without its extension
 * @returns {string} what the compiler says
 */
function compiled(files) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const modules = path.join(root, "node_modules");
  const compilerOptions = {
    ...{ strict: true, noUncheckedIndexedAccess: true, noEmit: true, skipLibCheck: true },
    ...{ target: "es2022", module: "preserve", moduleResolution: "bundler", lib: ["es2023", "dom", "dom.iterable"] },
    ...{ types: ["node"], typeRoots: [path.join(modules, "@types")] },
    paths: {
      keyslot: [path.join(root, "js", "index.d.ts")],
      "keyslot/*": [path.join(root, "js", "*.d.ts")],
      "@nangohq/*": [path.join(modules, "@nangohq", "*")],
    },
  };
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  writeFileSync(path.join(folder, "given.d.ts"), GIVEN);
  for (const [name, code] of Object.entries(files))
    writeFileSync(path.join(folder, `${name}.ts`), `${code}\nexport {};\n`);
  const program = path.join(modules, "typescript", "bin", "tsc");
  return spawnSync(process.execPath, [program, "--pretty", "false", "-p", "."], { cwd: folder, encoding: "utf8" })
    .stdout;
}

/** @param {{ file: string, line: number }} block */
const nameOf = ({ file, line }) => `${file.replaceAll(/\W/g, "-")}-${line}`;

test("the documents have code, and none in a language that nobody looks at", () => {
  assert.ok(blocks.length > 20, String(blocks.length));
  const looked = of("js", "ts", "sh", "html", "css", "yaml", "json", "nginx");
  assert.deepEqual(
    blocks.filter((block) => !looked.includes(block)).map(({ file, line }) => `${file}:${line}`),
    [],
  );
});

test("every JavaScript and TypeScript example compiles under strict TypeScript", () => {
  const planted = "const { verification } = await auth('a');\nverification.account;";
  const files = Object.fromEntries(of("js", "ts").map((block) => [nameOf(block), block.code]));
  const said = compiled({ ...files, planted }).split("\n");
  assert.ok(
    said.some((line) => line.startsWith("planted.ts(2,1): error")),
    said.join("\n"),
  );
  assert.deepEqual(
    said.filter((line) => line && !line.startsWith("planted.ts")),
    [],
  );
});

for (const block of of("html", "css", "yaml", "json")) {
  test(`${block.file}:${block.line}: ${block.language} is well-formed`, async () => {
    await format(block.code, { parser: block.language });
  });
}

for (const block of of("html")) {
  test(`${block.file}:${block.line}: the package has the files that it names`, () => {
    const shipped = readFileSync(path.join(root, "packaging", "contents.txt"), "utf8").split("\n");
    const named = [...block.code.matchAll(/(?:src|href)="\/assets\/([^"]+)"/g)].map(([, name]) => `dist/${name}`);
    assert.ok(named.length > 0);
    for (const name of named) assert.ok(shipped.includes(name), name);
  });
}

for (const block of of("nginx")) {
  test(`${block.file}:${block.line}: each directive ends, and each brace closes`, () => {
    let open = 0;
    for (const line of block.code.split("\n").map((text) => text.replace(/\s*#.*$/, "").trim())) {
      assert.match(line, /^$|[;{}]$/);
      open += line.endsWith("{") ? 1 : line === "}" ? -1 : 0;
      assert.ok(open >= 0, line);
    }
    assert.equal(open, 0);
  });
}

for (const block of of("sh")) {
  test(`${block.file}:${block.line}: a shell reads it, and it names what there is`, () => {
    execFileSync("bash", ["-n"], { input: block.code });
    const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
    for (const [, name = ""] of block.code.matchAll(/\bnpm (?:run )?([\w:]+)/g)) assert.ok(name in scripts, name);
    const manifest = readFileSync(path.join(root, "server", "Cargo.toml"), "utf8");
    for (const [, name] of block.code.matchAll(/\bcargo build .*-p (\S+)/g))
      assert.ok(manifest.includes(`name = "${name}"`), name);
    const cli = path.join(root, "server", "src", "cli");
    const read = readdirSync(cli).map((name) => readFileSync(path.join(cli, name), "utf8"));
    for (const [name] of block.code.matchAll(/\bKEYSLOT_\w+/g)) assert.ok(read.join("").includes(`"${name}"`), name);
  });
}
