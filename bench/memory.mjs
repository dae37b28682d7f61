// `npm run bench:memory`: how many copies of a credential are in the memory of the server after it was
// taken in and handed out again twenty times; with an ordinary allocator (`server/examples`), and as it
// is shipped. Linux, and root for the second: nobody else may look.
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startServer } from "../e2e/keyslot-server.mjs";
import { during, main, runStep, say, StepFailed } from "../scripts/run-step.mjs";
import { devBinary, targetDir } from "../scripts/workspace.mjs";

const ROUNDS = 20;
const CATALOG =
  "unchecked:\n  display_name: Unchecked\n  auth_mode: API_KEY\n  credentials:\n" +
  "    apiKey: { type: string, title: Key, description: Any key. }\n  proxy: { base_url: 'https://unchecked.example' }\n";

/**
 * How often `needle` is in the writable memory of a process.
 * @param {number} pid @param {string} needle
 */
function copies(pid, needle) {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  let count = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
    const found = line.match(/^([0-9a-f]+)-([0-9a-f]+) rw/);
    if (!found) continue;
    const from = BigInt(`0x${found[1]}`);
    const bytes = Buffer.alloc(Number(BigInt(`0x${found[2]}`) - from));
    try {
      readSync(memory, bytes, 0, bytes.length, from);
    } catch {
      continue; // Some ranges cannot be read.
    }
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) count += 1;
  }
  closeSync(memory);
  return count;
}

/** @param {string} binary @param {string} catalog */
async function measure(binary, catalog) {
  const server = await startServer({ binary, args: ["--catalog", catalog] });
  try {
    const canary = `canary-${Math.random().toString(36).slice(2)}-${Date.now()}`;
    /** @param {string} method @param {string} address @param {string} token @param {object} [body] */
    const call = async (method, address, token, body) => {
      const answer = await fetch(server.url + address, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", connection: "close" },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      if (!answer.ok) throw new StepFailed(`${method} ${address} answered ${answer.status}: ${await answer.text()}`);
      return answer.json();
    };
    await call("POST", "/integrations", server.secretKey, { provider: "unchecked", unique_key: "u" });
    for (let round = 0; round < ROUNDS; round += 1) {
      const { data } = await call("POST", "/connect/sessions", server.secretKey, { end_user: { id: "u1" } });
      const { connectionId } = await call("POST", "/api-auth/api-key/u", data.token, { apiKey: canary });
      const read = await call("GET", `/connections/${connectionId}?provider_config_key=u`, server.secretKey);
      if (read.credentials.apiKey !== canary) throw new StepFailed("another credential came back");
    }
    await new Promise((resolve) => setTimeout(resolve, 2000));
    // It is in the environment of the process: what a search that works does find.
    if (copies(server.pid, server.secretKey) === 0) throw new StepFailed("the search finds nothing at all");
    return copies(server.pid, canary);
  } finally {
    await server.stop();
    server.remove();
  }
}

await main(async () => {
  await runStep("Building keyslot-server with either allocator", "cargo", [
    "build",
    "--locked",
    "-p",
    "keyslot-server",
    "--bin",
    "keyslot-server",
    "--example",
    "ordinary_memory",
  ]);
  const folder = mkdtempSync(path.join(tmpdir(), "keyslot-memory-"));
  const catalog = path.join(folder, "unchecked.yaml");
  writeFileSync(catalog, CATALOG);
  try {
    const before = await during("An ordinary allocator", () =>
      measure(path.join(targetDir, "debug", "examples", "ordinary_memory"), catalog),
    );
    say(`plaintext_copies ordinary allocator   ${before}`);
    const after = await during("As shipped", () => measure(devBinary("keyslot-server"), catalog));
    say(`plaintext_copies as shipped           ${after}   threshold 0   ${after === 0 ? "pass" : "fail"}`);
    if (after > 0) throw new StepFailed("a credential is left in memory");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
