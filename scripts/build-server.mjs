// Builds keyslot-server with Cargo's dev profile: the one that `cargo test` builds too, so that
// starting, unit tests and end-to-end tests share one build.
// Cargo does the building; this adds the logos before it and finds the binary after it.
import { existsSync } from "node:fs";
import { buildLogos } from "./build-logos.mjs";
import { runStep } from "./run-step.mjs";
import { devBinary } from "./workspace.mjs";

/** @returns {Promise<string>} the binary's path */
export async function buildServer() {
  const binary = devBinary("keyslot-server");
  const first = !existsSync(binary);
  await buildLogos();
  await runStep(
    first ? "Building keyslot-server (1 to 3 minutes the first time)" : "Building keyslot-server",
    "cargo",
    ["build", "--locked", "-p", "keyslot-server"],
    {
      log: "server",
    },
  );
  return binary;
}
