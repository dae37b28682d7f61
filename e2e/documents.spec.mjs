// The commands of the documents, taken by the real programs. Their other code: js/documents.test.mjs.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { codeBlocks } from "../scripts/code-blocks.mjs";
import { devBinary } from "../scripts/workspace.mjs";
import { expect, test } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

const run = promisify(execFile);
/** Lines that are continued are one. @type {{ where: string, line: string }[]} */
const COMMANDS = codeBlocks()
  .filter(({ language }) => language === "sh")
  .flatMap(({ file, line, code }) =>
    code
      .replaceAll("\\\n", "")
      .split("\n")
      .filter(Boolean)
      .map((text) => ({ where: `${file}:${line}`, line: text })),
  );

const ofServer = COMMANDS.filter(({ line }) => /^(target\/release\/)?keyslot-server\b/.test(line));

test("the documents have commands of the server", () => {
  expect(ofServer.length).toBeGreaterThan(5);
});

for (const { where, line } of ofServer) {
  test(`${where}: the server knows \`${line.replace(/\s+#.*$/, "")}\``, async () => {
    // Everything before `--help` is read first; what is unknown ends it with an error.
    const asked = `"$SERVER" ${line.replace(/^\S+/, "").replace(/\s+#.*$/, "")} --help`;
    const { stdout } = await run("bash", ["-c", asked], {
      env: { PATH: process.env.PATH, SERVER: devBinary("keyslot-server") },
    });
    expect(stdout).toContain("Usage:");
  });
}

test("README's curl reads a connection", async ({ world }) => {
  const curl = COMMANDS.find(({ line }) => line.startsWith("curl"))?.line ?? "";
  const [, id = "", integration = ""] = curl.match(/\/connections\/([^?]+)\?provider_config_key=([\w-]+)/) ?? [];
  const known = await world.sdk.createIntegration({ provider: "acme-key", unique_key: integration }).catch(() => {});
  const made = await fetch(`${world.server.url}/connections`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${world.server.secretKey}` },
    body: JSON.stringify({
      provider_config_key: integration,
      connection_id: id,
      credentials: { type: "API_KEY", apiKey: ACCEPTED.apiKey },
    }),
  });
  expect([known !== undefined, made.status]).toEqual([true, 201]);
  const { stdout } = await run("bash", ["-c", curl.replace("https://connect.example.com", world.server.url)], {
    env: { PATH: process.env.PATH, KEYSLOT_SECRET_KEY: world.server.secretKey },
  });
  expect(JSON.parse(stdout)).toMatchObject({ connection_id: id, credentials: { apiKey: ACCEPTED.apiKey } });
});
