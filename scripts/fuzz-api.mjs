// `npm run fuzz:api`: a real server, and schemathesis sending it what its own API document says is right
// and what it says is wrong, 200 of each operation. `npm run fuzz:api -- --max-examples 20 …` passes its
// arguments on.
// schemathesis does the fuzzing; this gives it a server, keys and a time to end.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startServer } from "../e2e/keyslot-server.mjs";
import { buildServer } from "./build-server.mjs";
import { main, runStep, say, StepFailed } from "./run-step.mjs";
import { targetDir } from "./workspace.mjs";

const SCHEMATHESIS = "4.32.5";

/** An API that nobody asks, so that connections can be made without a network. */
const CATALOG = `
fuzzed:
  display_name: Fuzzed
  auth_mode: API_KEY
  credentials:
    apiKey: { type: string, title: Key, description: Any key. }
  proxy: { base_url: "https://fuzzed.invalid" }
fuzzed-basic:
  display_name: Fuzzed Basic
  auth_mode: BASIC
  credentials:
    username: { type: string, title: Name, description: Any name. }
    password: { type: string, title: Password, description: Any password. }
  proxy: { base_url: "https://fuzzed.invalid" }
`;

await main(async () => {
  const program = await schemathesis();
  await buildServer();
  const folder = mkdtempSync(path.join(tmpdir(), "keyslot-fuzz-"));
  const catalog = path.join(folder, "fuzzed.yaml");
  writeFileSync(catalog, CATALOG);
  const server = await startServer({ args: ["--catalog", catalog, "--rate-limit-address", "0"] });
  try {
    /** @param {string} address @param {object} body */
    const post = async (address, body) => {
      const answer = await fetch(server.url + address, {
        method: "POST",
        headers: { authorization: `Bearer ${server.secretKey}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      if (!answer.ok) throw new StepFailed(`POST ${address} answered ${answer.status}: ${await answer.text()}`);
      return answer.json();
    };
    for (const name of ["openai", "fuzzed", "fuzzed-basic"]) {
      await post("/integrations", { provider: name, unique_key: name });
    }
    const { data } = await post("/connect/sessions", { tags: {} });
    const config = path.join(folder, "schemathesis.toml");
    writeFileSync(config, configuration(server.secretKey, data.token));
    const given = process.argv.slice(2);
    const { code, output } = await runStep(
      "schemathesis",
      program,
      [
        "--config-file",
        config,
        "run",
        `${server.url}/openapi.json`,
        // It ends the session that the others are called with.
        "--exclude-operation-id",
        "endConnectSession",
        ...(given.includes("--max-examples") ? [] : ["--max-examples", "200"]),
        ...given,
      ],
      { log: "fuzz-api", allowFailure: true },
    );
    say(
      output
        .trimEnd()
        .split("\n")
        .slice(code === 0 ? -12 : -200)
        .join("\n"),
    );
    if (code !== 0) throw new StepFailed("schemathesis found something; see above.");
    if (/ panicked at |"status":5\d\d/.test(server.log())) throw new StepFailed(`The server's log:\n${server.log()}`);
  } finally {
    await server.stop();
    server.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Installs schemathesis in a folder of its own. @returns {Promise<string>} the program */
async function schemathesis() {
  const folder = path.join(targetDir, `schemathesis-${SCHEMATHESIS}`);
  const program = path.join(folder, "bin", "st");
  if (!existsSync(program)) {
    await runStep("A Python environment", "python3", ["-m", "venv", folder]);
    await runStep(`schemathesis ${SCHEMATHESIS}`, path.join(folder, "bin", "pip"), [
      "install",
      "--quiet",
      `schemathesis==${SCHEMATHESIS}`,
    ]);
  }
  return program;
}

/**
 * Backends' operations are called with the secret key, browsers' with the session token.
 * @param {string} secretKey @param {string} token
 */
function configuration(secretKey, token) {
  return `
[auth.openapi.secretKey]
bearer = "${secretKey}"

[auth.openapi.sessionToken]
bearer = "${token}"

# A text that is too long for its schema can be too long for a body as well: 413 refuses it too.
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]

# The wire says 400 to some of what a schema cannot know: an integration that does not exist, an address
# that is not public, a template whose parts do not go together, the key of the server's own environment. There, that a request which fits the schema is refused is no fault. Every other
# check is made of every operation.
[[operations]]
include-operation-id-regex = "^(connect|create|import|update(Integration|Environment|Connection)|getConnection|deleteConnection|verifyConnection|proxy|(add|put)Provider|(rotate|revoke)SecretKey)"
checks.positive_data_acceptance.enabled = false
`;
}
